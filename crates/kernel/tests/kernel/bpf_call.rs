//! `bpf(2)` as a process calls it: memory that it has, attributes by name.

use skep_abi::Errno;
use skep_abi::attr::{Cmd, SIZE};
use skep_abi::ctx::Field;
use skep_isa::Insn;
use skep_kernel::{Config, Fd, Kernel};
use skep_memory::UserRanges;

/// A machine, and a process that makes system calls.
pub(crate) struct Caller {
    pub(crate) kernel: Kernel,
    pub(crate) user: UserRanges,
    next: u64,
}

/// The attributes of a call.
pub(crate) struct Attr(pub(crate) [u8; SIZE]);

impl Attr {
    pub(crate) fn new(fields: &[(&Field, u64)]) -> Attr {
        let mut attr = Attr([0; SIZE]);
        for (field, value) in fields {
            attr = attr.with(field, *value);
        }
        attr
    }

    pub(crate) fn get(&self, field: &Field) -> u64 {
        self.0[field.range()].iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
    }
}

impl Caller {
    pub(crate) fn new() -> Caller {
        Caller::on(super::support::kernel())
    }

    /// A machine with the types that come with skep.
    pub(crate) fn typed() -> Caller {
        let btf = Some(skep_kernel::vmlinux::bundled());
        Caller::on(super::support::kernel_with(Config { btf, ..Config::default() }))
    }

    fn on(kernel: Kernel) -> Caller {
        Caller { kernel, user: UserRanges::new(), next: 0x1_0000 }
    }

    /// Puts bytes into memory, and answers where; 0 for none.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> u64 {
        if bytes.is_empty() {
            return 0;
        }
        let addr = self.next;
        self.next += (bytes.len() as u64).next_multiple_of(0x1000) + 0x1000;
        self.user.insert(addr, bytes.to_vec()).expect("free memory");
        addr
    }

    pub(crate) fn get(&self, addr: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.user.read(addr, &mut bytes).expect("memory that was put there");
        bytes
    }

    /// The text up to a NUL.
    pub(crate) fn text(&self, addr: u64, len: usize) -> String {
        let bytes = self.get(addr, len);
        let end = bytes.iter().position(|it| *it == 0).unwrap_or(len);
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    }

    /// Makes a call, which writes its answers into the attributes.
    pub(crate) fn call(&mut self, cmd: Cmd, attr: &mut Attr) -> Result<i32, Errno> {
        self.kernel.bpf(cmd as u32, &mut attr.0, &mut self.user)
    }

    /// Makes a call whose written answers nobody looks at.
    pub(crate) fn ask(&mut self, cmd: Cmd, fields: &[(&Field, u64)]) -> Result<i32, Errno> {
        self.call(cmd, &mut Attr::new(fields))
    }

    /// The attributes that load a program.
    pub(crate) fn load_attr(&mut self, prog_type: u32, insns: &[Insn]) -> Attr {
        use skep_abi::attr::prog_load as field;
        let (text, license) = (self.put(&Insn::to_vec(insns)), self.put(b"GPL\0"));
        Attr::new(&[
            (&field::prog_type, prog_type.into()),
            (&field::insns, text),
            (&field::insn_cnt, insns.len() as u64),
            (&field::license, license),
        ])
    }

    /// Loads a program from text.
    pub(crate) fn load(&mut self, prog_type: u32, text: &str) -> Fd {
        let mut attr = self.load_attr(prog_type, &super::support::asm(text));
        Fd(self.call(Cmd::ProgLoad, &mut attr).unwrap_or_else(|errno| panic!("{errno}: {text}")))
    }
}

impl Attr {
    /// The same with a field set.
    pub(crate) fn with(mut self, field: &Field, value: u64) -> Attr {
        let bytes = value.to_le_bytes();
        let len = field.size().min(8);
        self.0[field.offset..field.offset + len].copy_from_slice(&bytes[..len]);
        self
    }
}
