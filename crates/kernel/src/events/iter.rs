//! Reading an iterator's file runs its program (`bpf_seq_read`, `kernel/bpf/bpf_iter.c`).

use crate::files::Fd;
use crate::fire::{Fire, Target};
use crate::kernel::Kernel;
use crate::links::Aux;
use crate::object::Object;
use crate::report::RunError;
use crate::world::{Args, FieldValue};
use skep_abi::{AttachType, Errno};

impl Kernel {
    /// Reads up to `count` bytes of an iterator's file; nothing at its end. The program runs when it is first read.
    ///
    /// # Errors
    /// The fd is no iterator's; a program that faulted; a target that is not emulated by itself.
    pub fn read_iter(&mut self, fd: Fd, count: usize) -> Result<Vec<u8>, RunError> {
        let no_iter = |errno: Errno| RunError::BadInput(format!("fd {fd} is no iterator ({errno})"));
        let id = self.core.files.get(fd).map_err(no_iter)?;
        let Some(Object::Iter(file)) = self.core.objects.get(id) else { return Err(no_iter(Errno::EINVAL)) };
        if file.content.is_none() {
            let (prog, target, aux) = (file.prog, file.target, file.aux);
            let args = self.iterated(aux)?;
            let target =
                Target::Btf { attach: AttachType::TraceIter, name: target.to_owned(), id: 0, module: None };
            let ran = self.fire_at(prog, Fire::new(&target, args))?;
            if let Some(Object::Iter(file)) = self.core.objects.get_mut(id) {
                file.content = Some(ran.output.unwrap_or_default());
            }
        }
        let Some(Object::Iter(file)) = self.core.objects.get_mut(id) else { return Ok(Vec::new()) };
        let content = file.content.as_deref().unwrap_or_default();
        let rest = content.get(file.at..).unwrap_or_default();
        let read = rest[..rest.len().min(count)].to_vec();
        file.at += read.len();
        Ok(read)
    }

    /// What the link said to go over, as arguments.
    fn iterated(&self, aux: Aux) -> Result<Args, RunError> {
        match aux {
            Aux::All => Ok(Args::default()),
            Aux::Map(map) => Ok(Args::default().with("map", FieldValue::Addr(crate::object::handle(map)))),
            Aux::Cgroup { .. } | Aux::Tid(_) | Aux::Pid(_) => {
                let text = "iterating over one cgroup or task of a link's choosing; fire the program instead";
                Err(RunError::NotEmulated(text.to_owned()))
            }
        }
    }
}
