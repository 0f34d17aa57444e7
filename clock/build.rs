//! Builds the shim, a library of its own for other programs to load, to be embedded in this one.
//!
//! It is compiled apart since it must be a dynamic library without a C library beneath, while
//! everything else here is one static program. Needs nothing but `rustc` and its linker.

use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=shim");
    println!("cargo:rerun-if-changed=src/steer.rs");
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let out = PathBuf::from(variable("OUT_DIR")).join("perjury-clock.so");
    let supported = ["x86_64", "aarch64"].contains(&variable("CARGO_CFG_TARGET_ARCH").as_str())
        && variable("CARGO_CFG_TARGET_OS") == "linux";
    if !supported {
        std::fs::write(&out, []).expect("the output directory can be written");
        return;
    }
    let mut command = Command::new(variable("RUSTC"));
    command.args(["--edition=2024", "--crate-name=perjury_clock_shim", "--crate-type=cdylib"]);
    command.args(["--target", &variable("TARGET")]);
    for option in [
        "opt-level=2",
        "panic=abort",
        "codegen-units=1",
        "strip=symbols",
        "target-feature=-crt-static",
        "link-arg=-nostartfiles",
        "link-arg=-nostdlib",
        "link-arg=-Wl,-soname,perjury-clock.so",
        "link-arg=-Wl,-z,now",
    ] {
        command.args(["-C", option]);
    }
    if let Ok(linker) = std::env::var("RUSTC_LINKER") {
        command.args(["-C", &format!("linker={linker}")]);
    }
    command.arg("-o").arg(&out).arg("shim/shim.rs");
    // Flags meant for the program, such as those that make it static, are not for the library.
    let status = command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS").status();
    let status = status.expect("rustc can be started");
    assert!(status.success(), "the clock shim was not built: rustc ended with {status}");
}
