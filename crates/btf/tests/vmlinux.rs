//! The BTF of the kernel underneath, five megabytes of it: only when asked for, with `SKEP_HOST_BTF=1`.

use skep_btf::*;

/// `None`, and a word about it, unless the test is wanted and the kernel has BTF.
fn host() -> Option<Vec<u8>> {
    #[expect(clippy::disallowed_methods, reason = "this is how one asks for it")]
    let wanted = std::env::var_os("SKEP_HOST_BTF").is_some();
    if !wanted {
        eprintln!("skipped: set SKEP_HOST_BTF=1 to read /sys/kernel/btf/vmlinux");
        return None;
    }
    std::fs::read("/sys/kernel/btf/vmlinux").map_err(|error| eprintln!("skipped: {error}")).ok()
}

#[test]
fn the_kernel_s_own() {
    let Some(bytes) = host() else { return };
    let btf = Btf::parse(&bytes).unwrap();
    assert!(btf.to_bytes() == bytes);

    let task = btf.find(Kind::Struct, "task_struct").unwrap();
    assert_eq!(btf.field(task, "comm[15]").map(|field| field.bit_size), Ok(8));
    let size = btf.size_of(task).unwrap();
    let value = btf.decode(task, &vec![0; size as usize]).unwrap();
    assert_eq!(value.get("comm").and_then(Value::as_str), Some(""));
    assert_eq!(value.get("pid").and_then(Value::as_i64), Some(0));
    assert!(btf.same_type(task, &btf.clone(), task));

    let (mut declared, mut named) = (0, 0);
    for (id, ty) in btf.types().filter(|(_, ty)| ty.kind() != Kind::DeclTag) {
        declared += usize::from(btf.declare(id).is_ok());
        named += 1;
        assert!(ty.name.is_empty() || btf.find(ty.kind(), btf.name(id)).is_some());
    }
    assert_eq!(declared, named);
}
