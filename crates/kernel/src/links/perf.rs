//! Links to perf events: the program of a tracepoint, a probe, or an overflow (`bpf_perf_link_attach`).

use super::{Link, LinkCreate, LinkWith, Place};
use crate::files::Fd;
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::Errno;
use skep_maps::ObjRef;

impl Sys<'_> {
    /// A link to a perf event.
    pub(super) fn link_perf(&mut self, prog: ObjRef, create: &LinkCreate) -> Result<Fd, Errno> {
        if create.flags != 0 {
            return Err(Errno::EINVAL);
        }
        let cookie = match create.with {
            LinkWith::PerfEvent { cookie } => cookie,
            _ => 0,
        };
        // `perf_event_get`: a descriptor of something else is none.
        let event = self.core.event_of(Fd(create.target as i32))?;
        let place = Place::Perf { event };
        let link = self.prime(Link::new(Some(prog), create.attach_type, cookie, place))?;
        let result = self.core.perf_attach(event, prog, cookie);
        if result.is_ok() {
            self.core.objects.retain(event);
        }
        self.settle(link, result)
    }
}

impl Core {
    /// The program of an event; `None` if it is no event.
    pub(super) fn event_prog(&self, id: ObjRef) -> Option<Option<ObjRef>> {
        self.objects.perf(id).map(|it| it.program())
    }
}
