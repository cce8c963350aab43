//! Members of kernel objects that programs may write (`btf_struct_access` of a program type's operations).

use skep_abi::ProgType;
use skep_btf::{Btf, TypeId};

use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

/// A member that may be written.
struct Writable {
    /// Its struct; of a `tcp_sock`, the outermost struct that the offset counts from is the same.
    of: &'static str,
    /// The member in it.
    path: &'static str,
    /// Whether an access may begin inside it.
    inside: bool,
}

const fn at(of: &'static str, path: &'static str) -> Writable {
    Writable { of, path, inside: false }
}

const fn inside(of: &'static str, path: &'static str) -> Writable {
    Writable { of, path, inside: true }
}

/// `bpf_tcp_ca_btf_struct_access`.
const TCP_SOCK: &[Writable] = &[
    at("sock", "sk_pacing_rate"),
    at("sock", "sk_pacing_status"),
    inside("inet_connection_sock", "icsk_ca_priv"),
    at("inet_connection_sock", "icsk_ack.pending"),
    at("tcp_sock", "snd_cwnd"),
    at("tcp_sock", "snd_cwnd_cnt"),
    at("tcp_sock", "snd_cwnd_stamp"),
    at("tcp_sock", "snd_ssthresh"),
    at("tcp_sock", "ecn_flags"),
    at("tcp_sock", "app_limited"),
];

/// `bpf_qdisc_qdisc_access`.
const QDISC: &[Writable] = &[at("Qdisc", "limit"), at("Qdisc", "q.qlen"), inside("Qdisc", "qstats")];
/// `bpf_qdisc_sk_buff_access`: the control block's private part is `data[QDISC_CB_PRIV_LEN]` of `struct qdisc_skb_cb`.
const QDISC_SKB: &[Writable] = &[at("sk_buff", "tstamp")];
/// `_nf_conntrack_btf_struct_access`.
const NF_CONN: &[Writable] = &[at("nf_conn", "mark")];
/// `bpf_scx_btf_struct_access`.
const SCX_TASK: &[Writable] = &[
    inside("task_struct", "scx.slice"),
    inside("task_struct", "scx.dsq_vtime"),
    inside("task_struct", "scx.disallow"),
];

impl Writable {
    /// First byte, and one past the last.
    fn range(&self, btf: &Btf) -> Option<(u32, u32)> {
        let of = btf.find(skep_btf::Kind::Struct, self.of)?;
        let place = btf.field(of, self.path).ok()?;
        let start = (place.bit_offset / 8) as u32;
        Some((start, start + (place.bit_size.div_ceil(8)) as u32))
    }
}

/// Where the member ends that an access at `off` begins in.
fn end_of(btf: &Btf, table: &[Writable], off: u32) -> Option<u32> {
    table.iter().find_map(|it| {
        let (start, end) = it.range(btf)?;
        (off == start || it.inside && (start..end).contains(&off)).then_some(end)
    })
}

/// Where the private part of a packet's control block ends, for queueing disciplines.
fn end_of_cb(btf: &Btf, off: u32) -> Option<u32> {
    let cb = at("sk_buff", "cb").range(btf)?.0;
    let (start, end) = at("qdisc_skb_cb", "data").range(btf)?;
    (cb + start..cb + end).contains(&off).then_some(cb + end)
}

impl Verifier<'_> {
    /// Whether the program may write these bytes of a kernel object.
    pub(super) fn check_struct_write(&mut self, btf: &Btf, id: TypeId, off: u32, size: u32) -> Check {
        let name = btf.name(id);
        if self.prog_type != ProgType::StructOps {
            return self.nf_conn_write(btf, name, off, size);
        }
        let ops = self.attached.struct_ops.clone();
        match ops.as_str() {
            "tcp_congestion_ops" if name == "tcp_sock" => {
                self.member_write("tcp_sock", end_of(btf, TCP_SOCK, off), off, size)
            }
            "Qdisc_ops" if name == "sk_buff" => {
                let end = end_of(btf, QDISC_SKB, off).or_else(|| end_of_cb(btf, off));
                self.member_write(name, end, off, size)
            }
            "Qdisc_ops" if name == "Qdisc" => self.member_write(name, end_of(btf, QDISC, off), off, size),
            "tcp_congestion_ops" | "Qdisc_ops" => refuse!(self, EACCES, "only read is supported\n"),
            "sched_ext_ops" => {
                let end = if name == "task_struct" { end_of(btf, SCX_TASK, off) } else { None };
                if end.is_some_and(|end| off + size <= end) { Ok(()) } else { self.not_writable() }
            }
            "bpf_dummy_ops" => self.dummy_write(btf, id, off, size),
            // Other structs of operations have no say in it: the kernel's own check takes no writes.
            _ => refuse!(self, EACCES, "only read is supported\n"),
        }
    }

    fn not_writable(&self) -> Check {
        Err(crate::stop::Stop::new(skep_abi::Errno::EACCES))
    }

    fn nf_conn_write(&mut self, btf: &Btf, name: &str, off: u32, size: u32) -> Check {
        if btf.find(skep_btf::Kind::Struct, "nf_conn").is_none() {
            return self.not_writable();
        }
        if !matches!(name, "nf_conn" | "nf_conn___init") {
            return refuse!(self, EACCES, "only read is supported\n");
        }
        self.member_write("nf_conn", end_of(btf, NF_CONN, off), off, size)
    }

    fn member_write(&mut self, name: &str, end: Option<u32>, off: u32, size: u32) -> Check {
        match end {
            None => refuse!(self, EACCES, "no write support to {name} at off {off}\n"),
            Some(end) if off + size > end => refuse!(
                self,
                EACCES,
                "write access at off {off} with size {size} beyond the member of {name} ended at {end}\n"
            ),
            Some(_) => Ok(()),
        }
    }

    fn dummy_write(&mut self, btf: &Btf, id: TypeId, off: u32, size: u32) -> Check {
        if btf.name(id) != "bpf_dummy_ops_state" {
            return refuse!(self, EACCES, "only access to bpf_dummy_ops_state is supported\n");
        }
        if u64::from(off + size) > btf.size_of(id).unwrap_or(0) {
            return refuse!(self, EACCES, "write access at off {off} with size {size}\n");
        }
        Ok(())
    }
}
