//! What happens in a cgroup: a socket connects, a packet comes in, an option is set (`bpf_prog_run_array_cg`,
//! `kernel/bpf/cgroup.c`).

use crate::context::Context;
use crate::hooks::Hook;
use crate::kernel::Kernel;
use crate::report::RunError;
use crate::run::Ran;
use skep_abi::{AttachType, Errno};

/// What the programs of a cgroup say together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CgroupAnswer {
    /// 0, or a negative error number: one of them answered 0 (`-EPERM`), or set another (`bpf_set_retval`).
    pub errno: i32,
    /// The bits beside the first one of what they answered, together: what a bind or a packet going out looks at.
    pub flags: u32,
    /// Each program's name and what it came to, in order: each saw what those before it had changed.
    pub ran: Vec<(String, Ran)>,
}

impl CgroupAnswer {
    /// Whether it may happen.
    pub fn allows(&self) -> bool {
        self.errno == 0
    }
}

impl Kernel {
    /// Something happens in a cgroup, and the programs that are attached to it and above run, all of them.
    ///
    /// `ctx` is what they see: a packet, or a struct such as `struct bpf_sock_addr`.
    ///
    /// # Errors
    /// A program faulted, or could not be run.
    pub fn cgroup_event(
        &mut self,
        cgroup: u64,
        attach: AttachType,
        mut ctx: Context,
        cpu: u32,
    ) -> Result<CgroupAnswer, RunError> {
        let mut answer = CgroupAnswer { errno: 0, flags: 0, ran: Vec::new() };
        for it in self.attached(&Hook::Cgroup { id: cgroup, attach, btf_id: 0 }) {
            let name = self.name_of(&it);
            let ran = self.run_attached(&it, ctx.clone(), cpu)?;
            if let Some(set) = ran.effects.retval {
                answer.errno = set;
            }
            answer.flags |= ran.retval() >> 1;
            if ran.retval() & 1 == 0 && answer.errno >= 0 {
                answer.errno = Errno::EPERM.neg() as i32;
            }
            match &mut ctx {
                Context::Struct(given) => {
                    given.bytes.clone_from(&ran.ctx_out);
                    if let Some(data) = &ran.packet_out {
                        given.data.clone_from(data);
                    }
                }
                Context::Packet(packet) => packet.ctx.clone_from(&ran.ctx_out),
                _ => {}
            }
            answer.ran.push((name, ran));
        }
        Ok(answer)
    }
}
