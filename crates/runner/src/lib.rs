//! What the `skep` command does, as functions that return data: nothing here prints.
//!
//! ```
//! use skep_runner::{Input, RunRequest};
//!
//! # fn main() -> Result<(), skep::Error> {
//! # let object = include_bytes!("../../../fixtures/xdp_firewall.bpf.o");
//! # let packet = include_bytes!("../../../fixtures/captures/telnet-syn.bin").to_vec();
//! let request = RunRequest { input: Input::Packet(packet), ..RunRequest::default() };
//! let report = skep_runner::run_object(object, &request)?;
//! assert_eq!((report.program.as_str(), report.verdict), ("xdp_firewall", "accept"));
//! assert_eq!(report.retval, Some(2));
//! # Ok(())
//! # }
//! ```

mod argument;
mod capture;
mod conformance;
mod context;
mod element;
mod inspect;
mod json;
mod link;
mod listing;
mod packets;
mod raw;
mod report;
mod request;
mod run;
mod session;
mod timing;
mod verify;

pub use argument::argument;
pub use capture::{Capture, CaptureError, Captured};
pub use conformance::{Conformance, conformance, hex};
pub use context::ContextReport;
pub use inspect::{
    ConfigInspection, ExternInspection, GlobalInspection, HelperUse, Inspection, MapInspection, Need,
    Problem, ProgramInspection, RelocationInspection, TargetInspection, TypeUse, inspect,
};
pub use json::{hex_string, value_to_json};
pub use link::{LinkFailure, LinkReport, LinkedSection, link};
pub use listing::{Listing, ListingLine, list_object, list_raw};
pub use packets::run_capture;
pub use raw::{RawReport, RawRequest, run_raw};
pub use report::{ElementReport, EventReport, FaultReport, LostReport, MapReport, PacketRun, RunReport};
pub use request::{Global, Input, RunRequest};
pub use run::run_object;
pub use verify::{KERNELS, ProgramVerdict, Step, VerifyRequest, verify};
