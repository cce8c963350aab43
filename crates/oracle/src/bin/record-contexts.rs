//! Records which bytes of their contexts programs may access: `record-contexts > fixtures/oracle/contexts-VERSION.txt`.

use std::io::{self, Write};

use skep_oracle::{contexts, sys};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "# linux {}, by record-contexts of skep-oracle", sys::kernel_release())?;
    for subject in contexts::subjects() {
        match subject.record() {
            Ok(text) => out.write_all(text.as_bytes())?,
            Err(error) => eprintln!("{subject:?}: {error}"),
        }
    }
    match contexts::record_sockets() {
        Ok(text) => out.write_all(text.as_bytes()),
        Err(error) => Err(io::Error::other(error.to_string())),
    }
}
