//! C programs that include `<bpf/bpf.h>` and are linked against libskep in place of libbpf.
//!
//! Each file in `c/` is one program. It says what is wrong on stderr and ends with 1.

// Its functions are what the linker redirects to, in every test of this package.
use skep_compat as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// How a program is linked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    Shared,
    Static,
}

/// The folder of `libskep.so` and `libskep.a`, which are built once.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(library)
}

/// Builds the library as the tests are built, and answers the folder that it is in. Whoever may not write there (an ordinary
/// user, where root has built) takes what is there.
fn library() -> PathBuf {
    // This program is in `deps` below it.
    let this = std::env::current_exe().unwrap();
    let folder = this.parent().and_then(Path::parent).unwrap().to_path_buf();
    if tempfile::tempfile_in(&folder).is_ok() {
        build();
    }
    assert!(folder.join("libskep.so").exists() && folder.join("libskep.a").exists(), "{}", folder.display());
    folder
}

fn build() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "--profile", "test", "--package", "skep-capi"]);
    cargo.current_dir(root());
    assert!(cargo.status().unwrap().success(), "{cargo:?}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Compiles a program and runs it.
fn run(name: &str, link: Link) {
    let library = built();
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join(name);
    let mut cc = Command::new("cc");
    cc.args(["-O1", "-g", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&program);
    cc.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("c").join(name).with_extension("c"));
    cc.args(["-I", env!("LIBBPF_INCLUDE"), "-I"]).arg(root().join("crates/capi/include"));
    match link {
        Link::Shared => {
            cc.arg("-L").arg(library).arg("-lskep");
            cc.arg(format!("-Wl,-rpath,{}", library.display()));
        }
        Link::Static => {
            cc.arg(library.join("libskep.a")).args(["-lpthread", "-ldl", "-lm"]);
        }
    }
    let output = cc.output().unwrap();
    assert!(output.status.success(), "{cc:?}\n{}", String::from_utf8_lossy(&output.stderr));
    let output = Command::new(&program).current_dir(root()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{text}", output.status);
}

/// Rows: a test for each program, and for each way to link it.
macro_rules! programs {
    ($( $name:ident, )*) => {
        $( mod $name {
            use super::*;

            #[test]
            fn shared() {
                run(stringify!($name), Link::Shared);
            }

            #[test]
            fn linked_statically() {
                run(stringify!($name), Link::Static);
            }
        } )*
    };
}

programs! {
    mission_1_handlers,
    mission_2_lookup,
    mission_3_update,
    mission_6_perf_output,
    descriptors,
    options,
}
