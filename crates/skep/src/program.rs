//! A program of a loaded object.

use skep_kernel::{Context, Fd, Kernel, Ran, Run};

use crate::error::Result;

/// A loaded program.
#[derive(Debug)]
pub struct Program<'a> {
    kernel: &'a mut Kernel,
    fd: Fd,
}

impl<'a> Program<'a> {
    pub(crate) fn new(kernel: &'a mut Kernel, fd: Fd) -> Program<'a> {
        Program { kernel, fd }
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

    /// Its fd, for calls on the kernel.
    pub fn fd(&self) -> Fd {
        self.fd
    }
}
