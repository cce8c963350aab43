//! The objects that every kernel has one of, as data: what a fresh boot leaves in them.
//!
//! One is made when it is first looked at. Members that the BTF at hand does not have are left out: kernels differ.

use super::error::Problem;
use super::scene::Scene;
use super::value::FieldValue;

/// What a field of such an object holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Init {
    /// A number.
    Int(i64),
    /// Text.
    Str(&'static str),
    /// The address of another of these objects.
    Of(&'static str),
    /// The address of a field of another one, or of its own if the name is empty.
    In(&'static str, &'static str),
    /// An empty `list_head`: it points to itself.
    Ring,
}
use Init::{In, Int, Of, Ring, Str};

/// A field by its path, and what it holds.
pub(crate) type Row = (&'static str, Init);

/// An object that there is one of.
pub(crate) struct Named {
    /// Its name: that of the kernel's variable, if it is one.
    name: &'static str,
    type_name: &'static str,
    /// Whether programs can ask for it by that name.
    is_symbol: bool,
    fields: &'static [Row],
}

const fn symbol(name: &'static str, type_name: &'static str, fields: &'static [Row]) -> Named {
    Named { name, type_name, is_symbol: true, fields }
}

const fn inside(name: &'static str, type_name: &'static str, fields: &'static [Row]) -> Named {
    Named { name, type_name, is_symbol: false, fields }
}

/// Inode numbers of the first namespaces (`include/linux/proc_ns.h`); those of mount and network namespaces are the
/// first that are given out (`PROC_DYNAMIC_FIRST` of `fs/proc/generic.c`).
const IPC_INO: i64 = 0xefff_ffff;
const UTS_INO: i64 = 0xefff_fffe;
const USER_INO: i64 = 0xefff_fffd;
const PID_INO: i64 = 0xefff_fffc;
const CGROUP_INO: i64 = 0xefff_fffb;
const TIME_INO: i64 = 0xefff_fffa;
const NET_INO: i64 = 0xf000_0000;
const MNT_INO: i64 = 0xf000_0001;

/// All capabilities (`CAP_LAST_CAP` is 40).
const ALL_CAPS: i64 = 0x1ff_ffff_ffff;
/// `S_IFDIR` and 0755.
const DIRECTORY: i64 = 0o40755;
/// Device 8:1 as the kernel holds it (`MKDEV`).
const SDA1: i64 = 8 << 20 | 1;

const NAMED: &[Named] = &[
    symbol(
        "init_user_ns",
        "user_namespace",
        &[
            ("ns.inum", Int(USER_INO)),
            ("uid_map.nr_extents", Int(1)),
            ("uid_map.extent[0].count", Int(0xffff_ffff)),
            ("gid_map.nr_extents", Int(1)),
            ("gid_map.extent[0].count", Int(0xffff_ffff)),
        ],
    ),
    symbol(
        "init_pid_ns",
        "pid_namespace",
        &[
            ("ns.inum", Int(PID_INO)),
            ("level", Int(0)),
            ("user_ns", Of("init_user_ns")),
            ("child_reaper", Of("init")),
            ("pid_allocated", Int(2)),
        ],
    ),
    symbol(
        "init_uts_ns",
        "uts_namespace",
        &[
            ("ns.inum", Int(UTS_INO)),
            ("user_ns", Of("init_user_ns")),
            ("name.sysname", Str("Linux")),
            ("name.nodename", Str("skep")),
            ("name.release", Str("6.12.0")),
            ("name.version", Str("#1 SMP PREEMPT_DYNAMIC")),
            ("name.machine", Str("x86_64")),
            ("name.domainname", Str("(none)")),
        ],
    ),
    symbol("init_ipc_ns", "ipc_namespace", &[("ns.inum", Int(IPC_INO)), ("user_ns", Of("init_user_ns"))]),
    symbol(
        "init_cgroup_ns",
        "cgroup_namespace",
        &[("ns.inum", Int(CGROUP_INO)), ("user_ns", Of("init_user_ns")), ("root_cset", Of("init_css_set"))],
    ),
    symbol("init_time_ns", "time_namespace", &[("ns.inum", Int(TIME_INO)), ("user_ns", Of("init_user_ns"))]),
    symbol(
        "init_net",
        "net",
        &[
            ("ns.inum", Int(NET_INO)),
            ("net_cookie", Int(1)),
            ("user_ns", Of("init_user_ns")),
            ("loopback_dev", Of("lo")),
        ],
    ),
    inside(
        "mnt_ns",
        "mnt_namespace",
        &[("ns.inum", Int(MNT_INO)), ("user_ns", Of("init_user_ns")), ("root", Of("root_mount"))],
    ),
    symbol(
        "init_nsproxy",
        "nsproxy",
        &[
            ("count", Int(1)),
            ("uts_ns", Of("init_uts_ns")),
            ("ipc_ns", Of("init_ipc_ns")),
            ("mnt_ns", Of("mnt_ns")),
            ("pid_ns_for_children", Of("init_pid_ns")),
            ("net_ns", Of("init_net")),
            ("time_ns", Of("init_time_ns")),
            ("time_ns_for_children", Of("init_time_ns")),
            ("cgroup_ns", Of("init_cgroup_ns")),
        ],
    ),
    symbol("init_cred", "cred", ROOT_CRED),
    symbol("root_user", "user_struct", &[("uid", Int(0))]),
    symbol(
        "init_struct_pid",
        "pid",
        &[("level", Int(0)), ("numbers[0].nr", Int(0)), ("numbers[0].ns", Of("init_pid_ns"))],
    ),
    symbol("init_signals", "signal_struct", &[("nr_threads", Int(1)), ("thread_head", Ring)]),
    symbol("init_fs", "fs_struct", ROOT_FS),
    symbol(
        "init_files",
        "files_struct",
        &[("count", Int(1)), ("fdt", In("", "fdtab")), ("fdtab.max_fds", Int(64)), ("fdtab.fd[0]", Int(0))],
    ),
    symbol("init_mm", "mm_struct", &[("mm_users", Int(2)), ("mm_count", Int(1))]),
    symbol(
        "init_css_set",
        "css_set",
        &[
            ("dfl_cgrp", In("cgrp_dfl_root", "cgrp")),
            ("dom_cset", In("init_css_set", "")),
            ("nr_tasks", Int(1)),
        ],
    ),
    symbol(
        "cgrp_dfl_root",
        "cgroup_root",
        &[
            ("cgrp.root", In("", "")),
            ("cgrp.level", Int(0)),
            ("cgrp.self.cgroup", In("", "cgrp")),
            ("cgrp.kn.id", Int(1)),
            ("cgrp.kn.id.id", Int(1)),
            ("cgrp.kn.name", Str("")),
            ("cgrp.ancestor_ids[0]", Int(1)),
            ("cgrp.ancestors[0]", In("", "cgrp")),
            ("cgrp.kn.priv", In("", "cgrp")),
        ],
    ),
    symbol("init_task", "task_struct", IDLE_TASK),
    // The first process. Tasks fill it in.
    inside("init", "task_struct", &[]),
    inside("ext4", "file_system_type", &[("name", Str("ext4"))]),
    inside(
        "root_sb",
        "super_block",
        &[
            ("s_dev", Int(SDA1)),
            ("s_blocksize", Int(4096)),
            ("s_blocksize_bits", Int(12)),
            ("s_magic", Int(0xef53)),
            ("s_id", Str("sda1")),
            ("s_type", Of("ext4")),
            ("s_root", Of("root_dentry")),
            ("s_user_ns", Of("init_user_ns")),
        ],
    ),
    inside(
        "root_inode",
        "inode",
        &[
            ("i_ino", Int(2)),
            ("i_mode", Int(DIRECTORY)),
            ("i_sb", Of("root_sb")),
            ("i_mapping", In("", "i_data")),
            ("i_data.host", In("", "")),
        ],
    ),
    inside(
        "root_dentry",
        "dentry",
        &[
            ("d_parent", In("", "")),
            ("d_name.len", Int(1)),
            ("d_name.name", Str("/")),
            ("d_hash.pprev", In("", "d_hash")),
            ("d_inode", Of("root_inode")),
            ("d_sb", Of("root_sb")),
        ],
    ),
    inside(
        "root_mount",
        "mount",
        &[
            ("mnt.mnt_root", Of("root_dentry")),
            ("mnt.mnt_sb", Of("root_sb")),
            ("mnt_parent", In("", "")),
            ("mnt_mountpoint", Of("root_dentry")),
            ("mnt_devname", Str("/dev/sda1")),
            ("mnt_ns", Of("mnt_ns")),
            ("mnt_id", Int(1)),
        ],
    ),
    inside(
        "lo",
        "net_device",
        &[
            ("name", Str("lo")),
            ("ifindex", Int(1)),
            ("nd_net.net", Of("init_net")),
            ("mtu", Int(65536)),
            // ARPHRD_LOOPBACK; IFF_UP, IFF_LOOPBACK and IFF_RUNNING.
            ("type", Int(772)),
            ("flags", Int(0x49)),
            ("num_rx_queues", Int(1)),
            ("num_tx_queues", Int(1)),
        ],
    ),
    inside(
        "eth0",
        "net_device",
        &[
            ("name", Str("eth0")),
            ("ifindex", Int(2)),
            ("nd_net.net", Of("init_net")),
            ("mtu", Int(1500)),
            // ARPHRD_ETHER; IFF_UP, IFF_BROADCAST, IFF_RUNNING and IFF_MULTICAST.
            ("type", Int(1)),
            ("flags", Int(0x1043)),
            ("addr_len", Int(6)),
            ("num_rx_queues", Int(1)),
            ("num_tx_queues", Int(1)),
        ],
    ),
];

/// The task that a CPU runs when there is nothing to do; its name is that of CPU 0's.
pub(crate) const IDLE_TASK: &[Row] = &[
    ("comm", Str("swapper/0")),
    // PF_IDLE and PF_KTHREAD.
    ("flags", Int(0x0020_0002)),
    ("prio", Int(120)),
    ("static_prio", Int(120)),
    ("normal_prio", Int(120)),
    ("nr_cpus_allowed", Int(1)),
    ("real_parent", In("", "")),
    ("parent", In("", "")),
    ("group_leader", In("", "")),
    ("children", Ring),
    ("sibling", Ring),
    ("tasks", Ring),
    ("thread_group", Ring),
    ("nsproxy", Of("init_nsproxy")),
    ("cred", Of("init_cred")),
    ("real_cred", Of("init_cred")),
    ("thread_pid", Of("init_struct_pid")),
    ("signal", Of("init_signals")),
    ("fs", Of("init_fs")),
    ("files", Of("init_files")),
    ("active_mm", Of("init_mm")),
    ("cgroups", Of("init_css_set")),
    ("loginuid", Int(0xffff_ffff)),
    ("sessionid", Int(0xffff_ffff)),
];

/// The credentials of a task of root's.
pub(crate) const ROOT_CRED: &[Row] = &[
    ("usage", Int(4)),
    ("user_ns", Of("init_user_ns")),
    ("user", Of("root_user")),
    ("cap_permitted.val", Int(ALL_CAPS)),
    ("cap_effective.val", Int(ALL_CAPS)),
    ("cap_bset.val", Int(ALL_CAPS)),
    // Before Linux 6.3.
    ("cap_permitted.cap[0]", Int(ALL_CAPS & 0xffff_ffff)),
    ("cap_permitted.cap[1]", Int(ALL_CAPS >> 32)),
    ("cap_effective.cap[0]", Int(ALL_CAPS & 0xffff_ffff)),
    ("cap_effective.cap[1]", Int(ALL_CAPS >> 32)),
    ("cap_bset.cap[0]", Int(ALL_CAPS & 0xffff_ffff)),
    ("cap_bset.cap[1]", Int(ALL_CAPS >> 32)),
];

/// The root and working directories of a task.
pub(crate) const ROOT_FS: &[Row] = &[
    ("users", Int(1)),
    ("umask", Int(0o22)),
    ("root.mnt", In("root_mount", "mnt")),
    ("root.dentry", Of("root_dentry")),
    ("pwd.mnt", In("root_mount", "mnt")),
    ("pwd.dentry", Of("root_dentry")),
];

impl Scene<'_> {
    /// Whether programs can ask for this object by name.
    pub(crate) fn is_symbol(name: &str) -> bool {
        NAMED.iter().any(|it| it.name == name && it.is_symbol)
    }

    /// The names of the kernel's variables among these.
    pub(crate) fn symbols() -> impl Iterator<Item = (&'static str, &'static str)> {
        NAMED.iter().filter(|it| it.is_symbol).map(|it| (it.name, it.type_name))
    }

    /// An object that there is one of; `None` if this kernel has no such type.
    pub(crate) fn named(&mut self, name: &str) -> Result<Option<u64>, Problem> {
        if let Some(addr) = self.world.named.get(name) {
            return Ok(Some(*addr));
        }
        self.for_good(|scene| scene.make_named(name))
    }

    fn make_named(&mut self, name: &str) -> Result<Option<u64>, Problem> {
        let Some(row) = NAMED.iter().find(|it| it.name == name) else { return Ok(None) };
        let Ok(id) = self.type_of(row.type_name) else { return Ok(None) };
        let addr = self.alloc(id, false)?;
        // Others may point to it while it is filled in.
        self.world.named.insert(row.name, addr);
        self.fill(addr, row.type_name, row.fields)?;
        self.complete(row.name, addr)?;
        Ok(Some(addr))
    }

    /// What data does not say.
    fn complete(&mut self, name: &str, addr: u64) -> Result<(), Problem> {
        match name {
            "init" => self.first_process(addr),
            "init_css_set" => self.all_controllers(addr),
            _ => Ok(()),
        }
    }

    /// Sets fields that are there.
    pub(crate) fn fill(&mut self, addr: u64, type_name: &str, fields: &[Row]) -> Result<(), Problem> {
        for (path, init) in fields {
            let value = match init {
                Int(number) => FieldValue::Int((*number).into()),
                Str(text) => FieldValue::from(*text),
                Of(name) => match self.named(name)? {
                    Some(addr) => FieldValue::Addr(addr),
                    None => continue,
                },
                In(name, field) => match self.address_of(addr, type_name, name, field)? {
                    Some(addr) => FieldValue::Addr(addr),
                    None => continue,
                },
                Ring => {
                    self.ring(addr, type_name, path)?;
                    continue;
                }
            };
            self.set_if(addr, type_name, path, value)?;
        }
        Ok(())
    }

    fn address_of(
        &mut self,
        own: u64,
        own_type: &str,
        name: &str,
        field: &str,
    ) -> Result<Option<u64>, Problem> {
        let (base, type_name) = match NAMED.iter().find(|it| it.name == name) {
            Some(row) => match self.named(name)? {
                Some(addr) => (addr, row.type_name),
                None => return Ok(None),
            },
            None => (own, own_type),
        };
        self.spot_if(base, type_name, field)
    }

    /// The address of a field, if there is one.
    pub(crate) fn spot_if(&mut self, addr: u64, type_name: &str, path: &str) -> Result<Option<u64>, Problem> {
        let Ok(id) = self.type_of(type_name) else { return Ok(None) };
        match self.quietly(|scene| scene.find(addr, id, path, true)) {
            Ok(spot) => Ok(Some(spot.addr)),
            Err(Problem::NoRoom(text)) => Err(Problem::NoRoom(text)),
            Err(_) => Ok(None),
        }
    }

    /// Sets a field if there is one that takes the value.
    pub(crate) fn set_if(
        &mut self,
        addr: u64,
        type_name: &str,
        path: &str,
        value: impl Into<FieldValue>,
    ) -> Result<(), Problem> {
        let Ok(id) = self.type_of(type_name) else { return Ok(()) };
        let value = value.into();
        match self.quietly(|scene| scene.set(addr, id, path, &value)) {
            Err(Problem::NoRoom(text)) => Err(Problem::NoRoom(text)),
            _ => Ok(()),
        }
    }

    /// Runs something whose errors are not read.
    pub(crate) fn quietly<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.world.quiet, true);
        let result = run(self);
        self.world.quiet = before;
        result
    }

    /// Makes an empty `list_head` of a field, if there is one.
    pub(crate) fn ring(&mut self, addr: u64, type_name: &str, path: &str) -> Result<(), Problem> {
        if let Some(head) = self.spot_if(addr, type_name, path)? {
            self.set_if(head, "list_head", "next", FieldValue::Addr(head))?;
            self.set_if(head, "list_head", "prev", FieldValue::Addr(head))?;
        }
        Ok(())
    }
}
