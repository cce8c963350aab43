//! Commands of `bpf(2)` and the fields of their attributes, by name.

use skep_abi::attr::{self, Cmd};
use skep_abi::ctx::{Field, Layout};

/// The number of a command: of its name without `BPF_`, or `CMD99`.
pub(crate) fn command(name: &str) -> Option<u32> {
    let known = Cmd::ALL.iter().find(|cmd| cmd.uapi().strip_prefix("BPF_") == Some(name));
    known.map(|cmd| *cmd as u32).or_else(|| name.strip_prefix("CMD")?.parse().ok())
}

/// Where a field of a command's attribute is. Fields of one of the kinds of links are `tcx.relative_fd`.
pub(crate) fn field(command_name: &str, name: &str) -> Option<&'static Field> {
    let layout = match name.split_once('.') {
        Some((kind, _)) => LINKS.iter().find(|(it, _)| *it == kind)?.1,
        None => layout(Cmd::from_u32(command(command_name)?)?),
    };
    layout.field(name.split_once('.').map_or(name, |(_, name)| name))
}

/// What is behind the common fields of `BPF_LINK_CREATE`.
const LINKS: [(&str, &Layout); 8] = [
    ("perf_event", &attr::link_create_perf_event::LAYOUT),
    ("kprobe_multi", &attr::link_create_kprobe_multi::LAYOUT),
    ("tracing", &attr::link_create_tracing::LAYOUT),
    ("netfilter", &attr::link_create_netfilter::LAYOUT),
    ("tcx", &attr::link_create_tcx::LAYOUT),
    ("uprobe_multi", &attr::link_create_uprobe_multi::LAYOUT),
    ("netkit", &attr::link_create_netkit::LAYOUT),
    ("cgroup", &attr::link_create_cgroup::LAYOUT),
];

/// The shape of a command's attribute.
fn layout(cmd: Cmd) -> &'static Layout {
    use Cmd::*;
    match cmd {
        MapCreate => &attr::map_create::LAYOUT,
        MapLookupElem
        | MapUpdateElem
        | MapDeleteElem
        | MapGetNextKey
        | MapLookupAndDeleteElem
        | MapFreeze => &attr::elem::LAYOUT,
        MapLookupBatch | MapLookupAndDeleteBatch | MapUpdateBatch | MapDeleteBatch => &attr::batch::LAYOUT,
        ProgLoad => &attr::prog_load::LAYOUT,
        ObjPin | ObjGet => &attr::obj::LAYOUT,
        ProgAttach | ProgDetach => &attr::attach::LAYOUT,
        ProgTestRun => &attr::test::LAYOUT,
        ProgGetNextId | MapGetNextId | BtfGetNextId | LinkGetNextId | ProgGetFdById | MapGetFdById
        | BtfGetFdById | LinkGetFdById => &attr::get_id::LAYOUT,
        ObjGetInfoByFd => &attr::info::LAYOUT,
        ProgQuery => &attr::query::LAYOUT,
        RawTracepointOpen => &attr::raw_tracepoint::LAYOUT,
        BtfLoad => &attr::btf_load::LAYOUT,
        TaskFdQuery => &attr::task_fd_query::LAYOUT,
        LinkCreate => &attr::link_create::LAYOUT,
        LinkUpdate => &attr::link_update::LAYOUT,
        LinkDetach => &attr::link_detach::LAYOUT,
        EnableStats => &attr::enable_stats::LAYOUT,
        IterCreate => &attr::iter_create::LAYOUT,
        ProgBindMap => &attr::prog_bind_map::LAYOUT,
        TokenCreate => &attr::token_create::LAYOUT,
        ProgStreamReadByFd => &attr::prog_stream_read::LAYOUT,
    }
}

#[cfg(test)]
mod tests {
    use super::{command, field};

    #[test]
    fn names() {
        let at = |command: &str, name: &str| field(command, name).map(|it| it.offset);
        assert_eq!(command("PROG_LOAD"), Some(5));
        assert_eq!(command("CMD99"), Some(99));
        assert_eq!(command("PROG"), None);
        assert_eq!(at("PROG_LOAD", "keyring_id"), Some(164));
        assert_eq!(at("LINK_CREATE", "tcx.expected_revision"), Some(24));
        assert_eq!(at("MAP_UPDATE_BATCH", "prog_fd"), None);
    }
}
