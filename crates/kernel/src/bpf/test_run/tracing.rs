//! Test runs of tracing programs (`bpf_prog_test_run_tracing`): functions are called that the program may be attached to.
//! It is they that run it, and all others that are attached to them.

use super::answer::tell;
use super::{Call, Test};
use crate::kernel::Kernel;
use crate::world::{Args, FieldValue};
use skep_abi::attr::test as field;
use skep_abi::{AttachType, Errno};

/// A function that is called, and what it returns by itself.
struct Function {
    name: &'static str,
    /// Names of its parameters, and what they are given: a number, or bytes to point to.
    args: &'static [(&'static str, Arg)],
    ret: u64,
}

#[derive(Clone, Copy)]
enum Arg {
    Number(u64),
    Pointer(&'static [u8]),
}

use Arg::{Number, Pointer};

/// Those that programs see the entry and exit of.
const SEEN: [Function; 10] = [
    Function { name: "bpf_fentry_test1", args: &[("a", Number(1))], ret: 2 },
    Function { name: "bpf_fentry_test2", args: &[("a", Number(2)), ("b", Number(3))], ret: 5 },
    Function {
        name: "bpf_fentry_test3",
        args: &[("a", Number(4)), ("b", Number(5)), ("c", Number(6))],
        ret: 15,
    },
    Function {
        name: "bpf_fentry_test4",
        args: &[("a", Number(7)), ("b", Number(8)), ("c", Number(9)), ("d", Number(10))],
        ret: 34,
    },
    Function {
        name: "bpf_fentry_test5",
        args: &[
            ("a", Number(11)),
            ("b", Number(12)),
            ("c", Number(13)),
            ("d", Number(14)),
            ("e", Number(15)),
        ],
        ret: 65,
    },
    Function {
        name: "bpf_fentry_test6",
        args: &[
            ("a", Number(16)),
            ("b", Number(17)),
            ("c", Number(18)),
            ("d", Number(19)),
            ("e", Number(20)),
            ("f", Number(21)),
        ],
        ret: 111,
    },
    Function { name: "bpf_fentry_test7", args: &[("arg", Number(0))], ret: 0 },
    Function { name: "bpf_fentry_test8", args: &[("arg", Pointer(&[0; 8]))], ret: 0 },
    Function { name: "bpf_fentry_test9", args: &[("a", Pointer(&[0; 4]))], ret: 0 },
    Function { name: "bpf_fentry_test10", args: &[("a", Number(0))], ret: 0 },
];

/// Those whose results programs change. They add one to what `b` points to.
const CHANGED: [Function; 2] = [
    Function {
        name: "bpf_modify_return_test",
        args: &[("a", Number(1)), ("b", Pointer(&[2, 0, 0, 0]))],
        ret: 1 + 3,
    },
    Function {
        name: "bpf_modify_return_test2",
        args: &[
            ("a", Number(1)),
            ("b", Pointer(&[2, 0, 0, 0])),
            ("c", Number(3)),
            ("d", Number(4)),
            ("e", Number(5)),
            ("f", Number(6)),
            ("g", Number(7)),
        ],
        ret: 1 + 3 + 3 + 4 + 5 + 6 + 7,
    },
];

pub(super) fn run(kernel: &mut Kernel, call: &mut Call<'_>, test: &Test) -> Result<i32, Errno> {
    let used = [&field::flags, &field::cpu, &field::batch_size].iter().any(|it| call.u32(it) != 0);
    if used {
        return Err(Errno::EINVAL);
    }
    let retval = match AttachType::from_u32(test.expected_attach_type) {
        Some(AttachType::TraceFentry | AttachType::TraceFexit) => {
            call_all(kernel, &SEEN)?;
            0
        }
        Some(AttachType::ModifyReturn) => call_all(kernel, &CHANGED)?,
        _ => return Err(Errno::EFAULT),
    };
    tell(call, &field::retval, retval.into())?;
    Ok(0)
}

/// Calls functions. Answers the sum of what they return in 16 bits, and above these how many of them ran.
fn call_all(kernel: &mut Kernel, functions: &[Function]) -> Result<u32, Errno> {
    let (mut sum, mut ran) = (0_u16, 0);
    for function in functions {
        let args = function.args.iter().fold(Args::new(), |args, (name, arg)| match *arg {
            Number(value) => args.with(*name, FieldValue::Int(value.into())),
            Pointer(bytes) => args.with(*name, FieldValue::Bytes(bytes.to_vec())),
        });
        let called = kernel
            .call_function(function.name, args, function.ret, 0)
            .map_err(|error| super::errno(&error))?;
        sum = sum.wrapping_add(called.overridden.unwrap_or(function.ret) as u16);
        ran += u32::from(called.overridden.is_none());
    }
    Ok(ran << 16 | u32::from(sum))
}
