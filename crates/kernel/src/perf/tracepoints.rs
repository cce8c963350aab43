//! The tracepoints of the machine by number.

use crate::kernel::Kernel;
use std::collections::BTreeMap;

/// Numbers of tracepoints: what `/sys/kernel/tracing/events/<category>/<name>/id` says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tracepoints {
    ids: BTreeMap<String, u32>,
    names: Vec<String>,
}

/// The first number: those before are of events of the tracing system itself (`__TRACE_LAST_TYPE`).
const FIRST: u32 = 22;
/// How many there may be: the numbers are of 16 bits (`TRACE_EVENT_TYPE_MAX`).
const MAX: usize = 65_535 - FIRST as usize;

impl Tracepoints {
    /// The number of `category/name`.
    pub(crate) fn id(&mut self, name: &str) -> Option<u32> {
        if let Some(id) = self.ids.get(name) {
            return Some(*id);
        }
        let part = |it: &str| {
            let known = |it: u8| it.is_ascii_alphanumeric() || b"_-.".contains(&it);
            !it.is_empty() && !it.starts_with('.') && it.bytes().all(known)
        };
        let (category, event) = name.split_once('/')?;
        if !part(category) || !part(event) || self.names.len() >= MAX {
            return None;
        }
        let id = FIRST + self.names.len() as u32;
        self.ids.insert(name.to_owned(), id);
        self.names.push(name.to_owned());
        Some(id)
    }

    /// The tracepoint of a number, as `category/name`.
    pub(crate) fn name(&self, id: u32) -> Option<&str> {
        self.names.get(id.checked_sub(FIRST)? as usize).map(String::as_str)
    }
}

impl Kernel {
    /// The number of a tracepoint, to open an event of it: what `/sys/kernel/tracing/events/sched/sched_switch/id` says
    /// for `"sched/sched_switch"`. Every name that can be one's is taken for a tracepoint of the machine, and gets its
    /// number when it is first asked for. `None`: it cannot.
    pub fn tracepoint_id(&mut self, name: &str) -> Option<u32> {
        self.core.tracepoints.id(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tracepoint_keeps_its_number() {
        let mut all = Tracepoints::default();
        assert_eq!(all.name(22), None);
        assert_eq!(all.id("sched/sched_switch"), Some(22));
        assert_eq!(all.id("syscalls/sys_enter_openat"), Some(23));
        assert_eq!(all.id("sched/sched_switch"), Some(22));
        assert_eq!(
            (all.name(23), all.name(24), all.name(0)),
            (Some("syscalls/sys_enter_openat"), None, None)
        );
        for bad in ["", "sched", "/x", "x/", "a/b/c", "../x", "a b/c", "x/\0"] {
            assert_eq!(all.id(bad), None, "{bad:?}");
        }
    }
}
