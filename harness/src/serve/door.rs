//! The door: what is asked for, and whether it may be asked at all.

use super::address;
use super::query::Query;
use super::reply::Refusal;
use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use std::net::IpAddr;

/// The longest path and query, in bytes.
const TARGET_MAX: usize = 8192;

/// What is asked for, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    /// The path's parts; none is empty, hidden, or leads upwards.
    pub(super) parts: Vec<String>,
    pub(super) query: Query,
}

/// Lets a request in that listens at `bound`.
///
/// # Errors
/// For a request that is no question, comes from another site's page, or asks for a path that
/// cannot be in the store.
pub(super) fn admit(request: &Request, bound: IpAddr) -> Result<Ask, Refusal> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let text = "Here everything is for reading only: ask with GET or HEAD.";
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, text));
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or(request.uri().authority().map(|authority| authority.as_str()));
    if bound.is_loopback() && !host.is_some_and(|host| is_ours(host, bound)) {
        let text = "This page was asked for by a name that is not this machine's. Open it as \
                    localhost.";
        return Err(Refusal::new(StatusCode::FORBIDDEN, text));
    }
    let uri = request.uri();
    let query = uri.query().unwrap_or_default();
    if uri.path().len() + query.len() > TARGET_MAX {
        return Err(Refusal::new(StatusCode::URI_TOO_LONG, "This address is too long."));
    }
    let bad = || Refusal::new(StatusCode::BAD_REQUEST, "This is no address of a page here.");
    let parts = parts(uri.path()).ok_or_else(bad)?;
    Ok(Ask { parts, query: Query::read(query) })
}

/// Whether the host of a request is this machine, by whatever port a tunnel may have. A page of
/// another site that has its name lead here would ask by that name.
fn is_ours(host: &str, bound: IpAddr) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip == bound || is_usual(ip))
}

fn is_usual(ip: IpAddr) -> bool {
    matches!(ip.to_string().as_str(), "127.0.0.1" | "::1")
}

/// The path's parts, decoded once. What decodes to another path, such as `%2e%2e` and `%2f`, is
/// none.
fn parts(path: &str) -> Option<Vec<String>> {
    let path = path.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Some(Vec::new());
    }
    let decode = |part: &str| {
        let part = percent_encoding::percent_decode_str(part).decode_utf8().ok()?;
        address::is_open(&part).then(|| part.into_owned())
    };
    path.split('/').map(decode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn request(method: &str, target: &str, host: &str) -> Request {
        let builder = Request::builder().method(method).uri(target).header("host", host);
        builder.body(Body::empty()).unwrap()
    }

    fn status(method: &str, target: &str, host: &str) -> u16 {
        let asked = admit(&request(method, target, host), "127.0.0.1".parse().unwrap());
        asked.map_or_else(|refusal| refusal.status.as_u16(), |_| 200)
    }

    #[test]
    fn only_questions_are_let_in() {
        assert_eq!(status("GET", "/", "localhost"), 200);
        assert_eq!(status("HEAD", "/", "localhost"), 200);
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"] {
            assert_eq!(status(method, "/", "localhost"), 405, "{method}");
        }
    }

    #[test]
    fn only_this_machine_is_a_host() {
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]:9", "[::1]"] {
            assert_eq!(status("GET", "/", host), 200, "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:8080", "10.0.0.1", "", "[::1", "a:b"] {
            assert_eq!(status("GET", "/", host), 403, "{host}");
        }
        let open = admit(&request("GET", "/", "db.example"), "0.0.0.0".parse().unwrap());
        assert!(open.is_ok(), "who listens for all cannot know by what name");
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for path in [
            "/run/../x",
            "/run/%2e%2e/x",
            "/run/.%2E/x",
            "/run/a%2fb",
            "/run/a%5cb",
            "/run/a%00",
            "/run//x",
            "//etc/passwd",
            "/run/.hidden/x",
            "/run/%2ehidden",
            "/run/%ff",
            "/run/a%0ab",
        ] {
            assert_eq!(status("GET", path, "localhost"), 400, "{path}");
        }
        let long = format!("/{}", "a".repeat(9000));
        assert_eq!(status("GET", &long, "localhost"), 414);
        assert_eq!(status("GET", "/run/a%20b/%3Cb%3E/", "localhost"), 200);
        assert_eq!(parts("/run/a%20b/%3Cb%3E/").unwrap(), ["run", "a b", "<b>"]);
        // Decoded once: what is left is a name, and no way up.
        assert_eq!(parts("/run/%252e%252e").unwrap(), ["run", "%2e%2e"]);
    }
}
