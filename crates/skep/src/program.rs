//! A program of a loaded object.

use skep_btf::{Btf, Def, TypeId};
use skep_kernel::{Arch, Args, Context, Fd, Fire, Kernel, Ran, Run, Target};
use skep_loader::{Link, Loaded, LoadedProgram};

use crate::error::{Error, Result};

/// A loaded program.
#[derive(Debug)]
pub struct Program<'a> {
    kernel: &'a mut Kernel,
    loaded: &'a Loaded,
    program: &'a LoadedProgram,
    arch: Arch,
    fd: Fd,
}

impl<'a> Program<'a> {
    pub(crate) fn new(
        kernel: &'a mut Kernel,
        loaded: &'a Loaded,
        name: &str,
        arch: Arch,
    ) -> Result<Program<'a>> {
        let fd = loaded.program(name)?;
        let program = loaded.programs().iter().find(|it| it.name == name);
        let program = program.ok_or_else(|| Error::bad_input(format!("there is no program {name:?}")))?;
        Ok(Program { kernel, loaded, program, arch, fd })
    }

    /// Runs it on cpu 0.
    ///
    /// # Errors
    /// It faulted, and where; or the context is none for it.
    pub fn run(&mut self, ctx: impl Into<Context>) -> Result<Ran> {
        self.run_with(Run::new(ctx.into()))
    }

    /// Runs it on a cpu.
    ///
    /// # Errors
    /// As [`Program::run`]; or there is no such cpu.
    pub fn run_on(&mut self, cpu: u32, ctx: impl Into<Context>) -> Result<Ran> {
        self.run_with(Run::new(ctx.into()).on(cpu))
    }

    /// Runs it in every detail: cpu, repetitions, budget, hook.
    ///
    /// # Errors
    /// As [`Program::run`].
    pub fn run_with(&mut self, run: Run<'_>) -> Result<Ran> {
        Ok(self.kernel.run(self.fd, run)?)
    }

    /// Runs it as if what it is attached to happened, with these arguments ([`args!`](crate::args!)).
    ///
    /// Arguments go by the names that the kernel's types have for them: the parameters of a probed or traced function
    /// and of a hook, the fields of a tracepoint's record, the fields of a context. `ret` is what a function returned.
    /// Strings and structs are made in memory, in user memory where the kernel's types say so. What is not given is
    /// zero. Where the types know no names (a uprobe, a function that they do not have), the arguments are taken in the
    /// order in which they are written, or as `arg0`, `arg1`, ...
    ///
    /// # Errors
    /// It faulted, and where; an argument that there is not, with those that there are; a value that does not fit.
    pub fn fire(&mut self, args: Args) -> Result<Ran> {
        self.fire_with(args, Run::default())
    }

    /// Fires it on a cpu.
    ///
    /// # Errors
    /// As [`Program::fire`]; or there is no such cpu.
    pub fn fire_on(&mut self, cpu: u32, args: Args) -> Result<Ran> {
        self.fire_with(args, Run::default().on(cpu))
    }

    /// Fires it in every detail.
    ///
    /// # Errors
    /// As [`Program::fire`].
    pub fn fire_with(&mut self, args: Args, run: Run<'_>) -> Result<Ran> {
        let target = self.program.target.as_ref().map_err(Clone::clone)?;
        self.fire_target(target, args, run)
    }

    /// Fires it at something that its section does not name: what a section would say behind its slash. For programs
    /// that their own loader attaches (`SEC("kprobe")`), and for one of the functions that a pattern stands for.
    ///
    /// # Errors
    /// As [`Program::fire`]; or that is nothing to attach such a program to.
    pub fn fire_at(&mut self, what: &str, args: Args) -> Result<Ran> {
        self.fire_at_with(what, args, Run::default())
    }

    /// The same in every detail.
    ///
    /// # Errors
    /// As [`Program::fire_at`].
    pub fn fire_at_with(&mut self, what: &str, args: Args, run: Run<'_>) -> Result<Ran> {
        let target = self.program.target_at(what)?;
        self.fire_target(&target, args, run)
    }

    fn fire_target(&mut self, target: &Target, args: Args, run: Run<'_>) -> Result<Ran> {
        let fire = Fire { arch: self.arch, own: self.own_context(), run, ..Fire::new(target, args) };
        Ok(self.kernel.fire(self.fd, fire)?)
    }

    /// What it is attached to.
    ///
    /// # Errors
    /// Its section is malformed, in libbpf's words.
    pub fn target(&self) -> Result<&Target> {
        Ok(self.program.target.as_ref().map_err(Clone::clone)?)
    }

    /// The struct that the program itself takes its context for.
    fn own_context(&self) -> Option<(&'a Btf, TypeId)> {
        let object = self.loaded.object();
        let btf = object.btf.as_ref()?;
        let func = object.programs.get(self.program.index)?.btf_func?;
        let param = btf.func_proto(func)?.params.first()?.type_id;
        match btf.resolved(param)?.def {
            Def::Ptr(target) => {
                btf.resolved(target)?.composite()?;
                Some((btf, btf.resolve(target)))
            }
            _ => None,
        }
    }

    /// Attaches a program that replaces a function of another (`SEC("freplace")`): from now on, runs of that one run it.
    /// Programs of other types are attached by [`Program::link`], and need not be: they are fired.
    ///
    /// # Errors
    /// It is no such program (`EINVAL`); its target is extended already, or in a program array (`EBUSY`).
    pub fn attach(&mut self) -> Result<()> {
        let what = || format!("attaching {}", self.program.name);
        self.kernel.attach_ext(self.fd).map_err(|errno| Error::call(what(), errno))
    }

    /// Attaches it by a link to what its section says, or as its handler does (`bpf_program__attach`):
    /// [`LoadedProgram::attach`](skep_loader::LoadedProgram::attach). [`Link::destroy`] takes it back.
    ///
    /// # Errors
    /// Its section does not say to what; what the kernel answers.
    pub fn link(&mut self) -> Result<Link> {
        Ok(self.program.attach(self.kernel)?)
    }

    /// Attaches it to a device by a link: an XDP program, or one of tcx or netkit, behind those that are there. From then on
    /// [`Skep::receive`](crate::Skep::receive) and [`Skep::transmit`](crate::Skep::transmit) run it.
    ///
    /// # Errors
    /// It is no such program; what the kernel answers.
    pub fn attach_device(&mut self, ifindex: u32) -> Result<Link> {
        use skep_abi::AttachType::{NetkitPeer, NetkitPrimary, TcxEgress, TcxIngress, Xdp};
        let among = skep_loader::Among::default();
        match self.program.attach_type {
            Some(Xdp) => Ok(self.program.attach_xdp(self.kernel, ifindex)?),
            Some(TcxIngress | TcxEgress) => Ok(self.program.attach_tcx(self.kernel, ifindex, among)?),
            Some(NetkitPrimary | NetkitPeer) => {
                Ok(self.program.attach_netkit(self.kernel, ifindex, among)?)
            }
            _ => Err(Error::call(
                format!("attaching {} to a device", self.program.name),
                skep_abi::Errno::EINVAL,
            )),
        }
    }

    /// What was loaded, and the kernel: to attach it to what a call says
    /// ([`LoadedProgram::attach_xdp`](skep_loader::LoadedProgram::attach_xdp) and its like).
    pub fn parts(&mut self) -> (&LoadedProgram, &mut Kernel) {
        (self.program, self.kernel)
    }

    /// Takes that back.
    ///
    /// # Errors
    /// It is not attached.
    pub fn detach(&mut self) -> Result<()> {
        let what = || format!("detaching {}", self.program.name);
        self.kernel.detach_ext(self.fd).map_err(|errno| Error::call(what(), errno))
    }

    /// Its fd, for calls on the kernel.
    pub fn fd(&self) -> Fd {
        self.fd
    }
}

/// What an object was built for: only arm64 has a struct of this name.
pub(crate) fn arch_of(loaded: &Loaded) -> Arch {
    let arm64 = |btf: &Btf| btf.find(skep_btf::Kind::Struct, "user_pt_regs").is_some();
    if loaded.object().btf.as_ref().is_some_and(arm64) { Arch::Arm64 } else { Arch::X86_64 }
}
