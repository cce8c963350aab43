//! Loading programs and types.
#![expect(unsafe_code, reason = "functions that C calls by name")]

use crate::attr::{Attr, Opts, done};
use crate::given::Given;
use crate::layout::{self, Field};
use crate::machine::default_kernel;
use crate::text::text;
use skep_abi::Errno;
use skep_abi::attr::{Cmd, btf_load, prog_load};
use skep_kernel::UserMemory as _;
use std::ffi::{c_char, c_int, c_void};

/// How often a load is tried that is told to come again (`PROG_LOAD_ATTEMPTS`).
const ATTEMPTS: i32 = 5;

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_prog_load(
    prog_type: u32,
    prog_name: *const c_char,
    license: *const c_char,
    insns: *const c_void,
    insn_cnt: usize,
    opts: Opts,
) -> c_int {
    let load = || -> Result<i32, Errno> {
        // SAFETY: the caller's options.
        let given = unsafe { Given::new(opts, layout::prog_load::OPTIONS) }?;
        let mut attr = Attr::until(&prog_load::prog_token_fd);
        attr.put(&prog_load::prog_type, prog_type)
            // SAFETY: null, or a text.
            .put_name(&prog_load::prog_name, unsafe { text(prog_name) })
            .put(&prog_load::license, license)
            .put(&prog_load::insns, insns)
            .put(&prog_load::insn_cnt, u32::try_from(insn_cnt).map_err(|_| Errno::E2BIG)?);
        let mut load = Load::new(attr, given)?;
        // SAFETY: the caller's options may be written.
        unsafe { load.run() }
    };
    done(load())
}

const OPTIONS: &[(&skep_abi::ctx::Field, Field)] = {
    use layout::prog_load as opts;
    &[
        (&prog_load::expected_attach_type, opts::expected_attach_type),
        (&prog_load::prog_btf_fd, opts::prog_btf_fd),
        (&prog_load::prog_flags, opts::prog_flags),
        (&prog_load::prog_ifindex, opts::prog_ifindex),
        (&prog_load::kern_version, opts::kern_version),
        (&prog_load::prog_token_fd, opts::token_fd),
        (&prog_load::attach_btf_id, opts::attach_btf_id),
        (&prog_load::func_info_rec_size, opts::func_info_rec_size),
        (&prog_load::func_info, opts::func_info),
        (&prog_load::func_info_cnt, opts::func_info_cnt),
        (&prog_load::line_info_rec_size, opts::line_info_rec_size),
        (&prog_load::line_info, opts::line_info),
        (&prog_load::line_info_cnt, opts::line_info_cnt),
        (&prog_load::fd_array, opts::fd_array),
    ]
};

/// One load, and what is tried when it fails.
struct Load {
    attr: Attr,
    given: Given,
    attempts: i32,
}

impl Load {
    fn new(mut attr: Attr, given: Given) -> Result<Load, Errno> {
        use layout::prog_load as opts;
        let attempts = match given.u32(opts::attempts) as i32 {
            0 => ATTEMPTS,
            attempts => attempts,
        };
        let (prog, btf) = (given.u32(opts::attach_prog_fd), given.u32(opts::attach_btf_obj_fd));
        let log = (given.u64(opts::log_buf) != 0, given.u32(opts::log_size) != 0);
        if attempts < 0 || prog != 0 && btf != 0 || log.0 != log.1 {
            return Err(Errno::EINVAL);
        }
        attr.copy(&given, OPTIONS);
        // The same place: a program to attach to, or the types to attach by.
        attr.put(&prog_load::attach_prog_fd, if prog != 0 { prog } else { btf });
        let mut load = Load { attr, given, attempts };
        if load.log_level() != 0 {
            load.log(load.log_level());
        }
        Ok(load)
    }

    fn log_level(&self) -> u32 {
        self.given.u32(layout::prog_load::log_level)
    }

    fn log(&mut self, level: u32) {
        use layout::prog_load as opts;
        let log = [(&prog_load::log_buf, opts::log_buf), (&prog_load::log_size, opts::log_size)];
        self.attr.copy(&self.given, &log).put(&prog_load::log_level, level);
    }

    /// # Safety
    /// The options may be written.
    unsafe fn run(&mut self) -> Result<i32, Errno> {
        // SAFETY: as above.
        let mut result = unsafe { self.once() };
        // Records longer than the kernel's are given once more with zeros where it knows nothing, since it refuses others.
        let mut kept = [None, None];
        while result == Err(Errno::E2BIG) {
            let next = (0..2).find(|kind| kept[*kind].is_none() && self.is_longer(&RECORDS[*kind]));
            let Some(kind) = next else { break };
            kept[kind] = Some(self.clear(&RECORDS[kind])?);
            // SAFETY: as above.
            result = unsafe { self.once() };
        }
        let has_log = self.given.u64(layout::prog_load::log_buf) != 0;
        if result.is_err() && self.log_level() == 0 && has_log {
            // To say what was wrong, where nobody asked while it went well.
            self.log(1);
            // SAFETY: as above.
            result = unsafe { self.once() };
        }
        result
    }

    /// # Safety
    /// The options may be written.
    unsafe fn once(&mut self) -> Result<i32, Errno> {
        let mut left = self.attempts;
        loop {
            let result = self.attr.open(Cmd::ProgLoad);
            left -= 1;
            if result == Err(Errno::EAGAIN) && left > 0 {
                continue;
            }
            let size = self.attr.get(&prog_load::log_true_size);
            // SAFETY: as above.
            unsafe { self.given.set(layout::prog_load::log_true_size, size) };
            return result;
        }
    }

    /// Whether the kernel said that it knows less of a record than there is.
    fn is_longer(&self, records: &Records) -> bool {
        let known = self.attr.get(records.size);
        self.attr.get(records.count) != 0 && known < u64::from(self.given.u32(records.given_size))
    }

    /// Makes the records again: what the kernel knows, and zeros. They live as long as what this answers.
    fn clear(&mut self, records: &Records) -> Result<Vec<u8>, Errno> {
        let (known, whole) =
            (self.attr.get(records.size) as usize, self.given.u32(records.given_size) as usize);
        let mut bytes =
            vec![0; whole.checked_mul(self.attr.get(records.count) as usize).ok_or(Errno::E2BIG)?];
        let mut from = self.given.u64(records.given);
        for record in bytes.chunks_exact_mut(whole) {
            default_kernel()?.with(|it| it.memory().read(from, &mut record[..known]))?;
            from = from.wrapping_add(whole as u64);
        }
        self.attr.put(records.at, bytes.as_ptr()).put(records.size, whole);
        Ok(bytes)
    }
}

/// Where records of functions, and of lines, are.
struct Records {
    at: &'static skep_abi::ctx::Field,
    count: &'static skep_abi::ctx::Field,
    size: &'static skep_abi::ctx::Field,
    given: Field,
    given_size: Field,
}

const RECORDS: [Records; 2] = {
    use layout::prog_load as opts;
    [
        Records {
            at: &prog_load::func_info,
            count: &prog_load::func_info_cnt,
            size: &prog_load::func_info_rec_size,
            given: opts::func_info,
            given_size: opts::func_info_rec_size,
        },
        Records {
            at: &prog_load::line_info,
            count: &prog_load::line_info_cnt,
            size: &prog_load::line_info_rec_size,
            given: opts::line_info,
            given_size: opts::line_info_rec_size,
        },
    ]
};

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_btf_load(btf_data: *const c_void, btf_size: usize, opts: Opts) -> c_int {
    // SAFETY: the caller's options.
    done(unsafe { load_btf(btf_data, btf_size, opts) })
}

/// # Safety
/// `opts` are options that may be written, or null.
unsafe fn load_btf(data: *const c_void, size: usize, opts: Opts) -> Result<i32, Errno> {
    use layout::btf_load as fields;
    // SAFETY: as above.
    let given = unsafe { Given::new(opts, fields::OPTIONS) }?;
    let (log_buf, log_size) = (given.u64(fields::log_buf), given.u32(fields::log_size));
    if log_size != 0 && log_buf == 0 {
        return Err(Errno::EINVAL);
    }
    let mut attr = Attr::until(&btf_load::btf_token_fd);
    attr.put(&btf_load::btf, data)
        // The field has four bytes, in libbpf too.
        .put(&btf_load::btf_size, size)
        .copy(
            &given,
            &[(&btf_load::btf_flags, fields::btf_flags), (&btf_load::btf_token_fd, fields::token_fd)],
        );
    let log = |attr: &mut Attr, level: u32| {
        attr.put(&btf_load::btf_log_buf, log_buf)
            .put(&btf_load::btf_log_size, log_size)
            .put(&btf_load::btf_log_level, level);
    };
    let level = given.u32(fields::log_level);
    if level != 0 {
        log(&mut attr, level);
    }
    let mut result = attr.open(Cmd::BtfLoad);
    if result.is_err() && log_buf != 0 && level == 0 {
        log(&mut attr, 1);
        result = attr.open(Cmd::BtfLoad);
    }
    // SAFETY: the caller's options may be written.
    unsafe { given.set(fields::log_true_size, attr.get(&btf_load::btf_log_true_size)) };
    result
}
