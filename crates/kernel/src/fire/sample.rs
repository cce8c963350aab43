//! Programs on perf events: the registers that were interrupted, and the sample.

use super::place::Side;
use super::regs::Registers;
use super::setup::Setup;
use super::{Firing, Refusal};
use crate::context::Context;
use crate::invocation::Probed;
use crate::world::FieldValue;

/// What is sampled if nothing is said: user space.
const USER_IP: u64 = 0x40_1000;

impl Firing<'_, '_> {
    /// `struct bpf_perf_event_data`: `sample_period`, `addr`, `ip`, `user` (whether user space was interrupted; where
    /// the instruction pointer is says it otherwise), `regs`.
    pub(super) fn sample(&mut self) -> Result<Setup, Refusal> {
        let mut take = |name: &str| -> Result<Option<u64>, Refusal> {
            let value = self.args.take(name);
            value
                .map(|it| self.untyped(&it, Side::Kernel))
                .transpose()
                .map_err(|why| format!("{name}: {why}"))
        };
        let (period, addr) = (take("sample_period")?.unwrap_or(1), take("addr")?.unwrap_or(0));
        let (ip, user) = (take("ip")?.unwrap_or(USER_IP), take("user")?);
        let user = user.map_or(ip >> 63 == 0, |it| it != 0);
        let mut regs = Registers::new(self.arch, user);
        regs.set_ip(ip);
        if let Some(FieldValue::Fields(fields)) = self.args.take("regs") {
            self.set_registers(&mut regs, &fields)?;
        }
        let names = ["sample_period", "addr", "ip", "user", "regs"];
        self.args.finish("a sample", &names)?;
        let mut bytes = regs.to_bytes();
        bytes.extend(period.to_le_bytes());
        bytes.extend(addr.to_le_bytes());
        Ok(Setup {
            probed: Some(Probed { ip, entry: ip, user }),
            read_only: true,
            ..Setup::from(Context::Bytes(bytes))
        })
    }

    /// The argument of a syscall program: by the fields of the struct that the program takes it for, or as `ctx`, its
    /// bytes.
    pub(super) fn syscall_program(&mut self) -> Result<Setup, Refusal> {
        if let Some(FieldValue::Bytes(bytes)) = self.args.take("ctx") {
            self.args.finish("a syscall program", &["ctx"])?;
            return Ok(Setup::from(Context::Bytes(bytes)));
        }
        let Some((btf, id)) = self.own else {
            self.args.finish("a syscall program whose context has no type", &["ctx"])?;
            return Ok(Setup::default());
        };
        let fields = self.args.take_all(|_| true).into_iter().collect();
        let bytes = self.bytes_of(btf, id, &FieldValue::Fields(fields), Side::User)?;
        Ok(Setup::from(Context::Bytes(bytes)))
    }
}
