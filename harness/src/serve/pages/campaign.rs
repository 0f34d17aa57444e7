//! Campaigns: all of them, and one with its matrix and the runs of its cells.

use super::{layout, run};
use crate::campaign::outputs::{self, Look};
use crate::campaign::record::{Campaign, Cell};
use crate::report::text;
use crate::serve::address::Address;
use crate::serve::files::Listed;
use maud::{Markup, html};

/// A campaign of the store, or why it cannot be read.
pub(in crate::serve) struct Night {
    pub(in crate::serve) address: Address,
    pub(in crate::serve) campaign: Result<Campaign, String>,
}

/// The content of the list; of more than are shown there are `all`.
pub(in crate::serve) fn list(nights: &[Night], all: usize) -> Markup {
    html! {
        h1 { "Campaigns" }
        p class="count" { (text::count(all as u64, "campaign"))
            @if all > nights.len() { ", of which the newest " (nights.len()) " are shown" }
        }
        @if nights.is_empty() {
            p class="lead" { "There is none in this store: " code { "perjury campaign" } " makes one." }
        } @else {
            div class="scroll" tabindex="0" role="group" aria-label="Table of campaigns" {
                table id="campaigns" {
                    caption class="hidden" { "Campaigns, each with what it came to" }
                    thead { tr {
                        th scope="col" { "Name" }
                        th scope="col" { "Started (UTC)" }
                        th scope="col" { "Outcome" }
                        th scope="col" class="number" { "Cells" }
                    } }
                    tbody { @for night in nights { (row(night)) } }
                }
            }
        }
    }
}

fn row(night: &Night) -> Markup {
    let address = &night.address;
    let page = address.campaign_page();
    html! {
        tr {
            @match &night.campaign {
                Ok(campaign) => {
                    th scope="row" { a href=(page) { (layout::shortened(&campaign.name, 80)) } }
                    td class="when" { (layout::moment(campaign.started)) }
                    td {
                        (outcome(campaign)) " " (outputs::counts_words(campaign))
                        @if campaign.ended.is_none() { span class="soft" { " (has not ended)" } }
                    }
                    td class="number" { (text::number(campaign.cells.len() as u64)) }
                },
                Err(trouble) => {
                    th scope="row" {
                        a href=(page) { (layout::shortened(address.name(), 80)) }
                        span class="trouble" { (layout::shortened(trouble, 160)) }
                    }
                    td class="when" { (layout::folder_time(address.time())) }
                    td { span class="badge damaged" { span aria-hidden="true" { "‼" } "Damaged" } }
                    td {}
                },
            }
        }
    }
}

/// The worst outcome as a small label.
fn outcome(campaign: &Campaign) -> Markup {
    html! {
        @if let Some(worst) = campaign.cells.iter().map(|cell| cell.outcome).max() {
            @let look = Look::of(worst);
            span class=(format!("badge tone-{}", look.class)) {
                span aria-hidden="true" { (look.sign) } (look.word)
            }
        }
    }
}

/// The content of one campaign's page.
pub(in crate::serve) fn content(night: &Night, files: &[Listed]) -> Markup {
    let address = &night.address;
    let time = layout::folder_time(address.time());
    let base = format!("{}file/", address.campaign_page());
    html! {
        (layout::trail(&[("Campaigns", "/campaigns")], &format!("{} {time}", address.name())))
        @match &night.campaign {
            Ok(campaign) => {
                (head(campaign))
                nav class="ways" aria-label="This campaign" {
                    @if files.iter().any(|file| file.parts == ["campaign.html"]) {
                        a class="button" href=(format!("{base}campaign.html")) {
                            "Open the campaign's report"
                        }
                    }
                }
                (outputs::matrix(campaign, &|cell: &Cell| page_of_cell(address, cell)))
                (cells(address, campaign))
            },
            Err(trouble) => {
                h1 { "This campaign cannot be read" }
                p class="trouble-lead" { (layout::shortened(trouble, 600)) }
            },
        }
        section id="files" aria-labelledby="files-title" {
            h2 id="files-title" { "Files" }
            (run::table(files, &base))
        }
    }
}

fn head(campaign: &Campaign) -> Markup {
    html! {
        h1 { (outputs::headline(campaign)) }
        p class="lead" {
            (outcome(campaign)) " " (layout::shortened(&campaign.name, 80)) ", "
            (layout::moment(campaign.started)) ". " (outputs::support(campaign))
        }
    }
}

/// The page of the last run of a cell.
fn page_of_cell(address: &Address, cell: &Cell) -> Option<String> {
    let run = cell.attempts.last()?.run.as_deref()?;
    address.inside(run).map(|run| run.run_page())
}

fn cells(address: &Address, campaign: &Campaign) -> Markup {
    html! {
        section id="cells" aria-labelledby="cells-title" {
            h2 id="cells-title" { "Cells" }
            div class="scroll" tabindex="0" role="group" aria-label="Table of cells" {
                table {
                    caption class="hidden" { "Cells, each with what it came to and its runs" }
                    thead { tr {
                        th scope="col" { "Cell" }
                        th scope="col" { "Outcome" }
                        th scope="col" { "Story" }
                        th scope="col" { "Runs" }
                    } }
                    tbody { @for cell in &campaign.cells { (cell_row(address, cell)) } }
                }
            }
        }
    }
}

fn cell_row(address: &Address, cell: &Cell) -> Markup {
    let look = Look::of(cell.outcome);
    let runs = cell.attempts.iter().filter_map(|attempt| address.inside(attempt.run.as_deref()?));
    html! {
        tr {
            th scope="row" { code { (layout::shortened(&cell.id, 80)) } }
            td {
                span class=(format!("badge tone-{}", look.class)) {
                    span aria-hidden="true" { (look.sign) } (look.word)
                }
            }
            td class="wide" { (layout::shortened(&outputs::story(cell), 200)) }
            td class="when" {
                @for run in runs { a href=(run.run_page()) { (layout::folder_time(run.time())) } br; }
            }
        }
    }
}
