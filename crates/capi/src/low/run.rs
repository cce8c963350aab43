//! Test runs.
#![expect(unsafe_code, reason = "functions that C calls by name")]

use crate::attr::{Attr, Opts, done};
use crate::given::Given;
use crate::layout::test_run;
use skep_abi::attr::{Cmd, test};
use std::ffi::c_int;

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_prog_test_run_opts(prog_fd: c_int, opts: Opts) -> c_int {
    // SAFETY: the caller's options.
    let given = match unsafe { Given::new(opts, test_run::OPTIONS) } {
        Ok(given) => given,
        Err(error) => return done(Err(error)),
    };
    let mut attr = Attr::until(&test::batch_size);
    attr.put(&test::prog_fd, prog_fd).copy(
        &given,
        &[
            (&test::batch_size, test_run::batch_size),
            (&test::cpu, test_run::cpu),
            (&test::flags, test_run::flags),
            (&test::repeat, test_run::repeat),
            (&test::duration, test_run::duration),
            (&test::ctx_size_in, test_run::ctx_size_in),
            (&test::ctx_size_out, test_run::ctx_size_out),
            (&test::data_size_in, test_run::data_size_in),
            (&test::data_size_out, test_run::data_size_out),
            (&test::ctx_in, test_run::ctx_in),
            (&test::ctx_out, test_run::ctx_out),
            (&test::data_in, test_run::data_in),
            (&test::data_out, test_run::data_out),
        ],
    );
    let result = attr.call(Cmd::ProgTestRun);
    // SAFETY: the caller's options may be written. They are, whatever the result.
    unsafe {
        given.set(test_run::data_size_out, attr.get(&test::data_size_out));
        given.set(test_run::ctx_size_out, attr.get(&test::ctx_size_out));
        given.set(test_run::duration, attr.get(&test::duration));
        given.set(test_run::retval, attr.get(&test::retval));
    }
    done(result)
}
