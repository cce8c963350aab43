//! Fields that programs in the field read, in the types that come with skep.

use expect_test::expect;
use skep_btf::{Btf, Kind};
use skep_kernel::vmlinux;
use skep_testkit::fixtures;

/// Structures and paths in them.
fn paths() -> Vec<(String, String)> {
    let text = String::from_utf8(fixtures::read("core/fields.txt")).unwrap();
    let mut paths = Vec::new();
    let mut of = String::new();
    for word in text.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace) {
        match word.strip_suffix(':') {
            Some(name) => of = name.to_owned(),
            None => paths.push((of.clone(), word.to_owned())),
        }
    }
    paths
}

fn has(btf: &Btf, of: &str, path: &str) -> bool {
    let kinds = [Kind::Struct, Kind::Union, Kind::Typedef];
    let found = kinds.iter().find_map(|kind| btf.find(*kind, of));
    found.is_some_and(|id| btf.field(id, path).is_ok())
}

/// What is missing is of kernels before 6.12, which the bundled types are like, or of later ones.
#[test]
fn nearly_all_are_there() {
    let bundled = vmlinux::bundled();
    let paths = paths();
    assert!(paths.len() >= 350);
    let missing: Vec<_> = paths
        .iter()
        .filter(|(of, path)| !has(&bundled.vmlinux, of, path))
        .map(|(of, path)| format!("{of}.{path}"))
        .collect();
    let said = format!(
        "{} of {} are there, but not\n{}\n",
        paths.len() - missing.len(),
        paths.len(),
        missing.join("\n")
    );
    expect![[r#"
        428 of 448 are there, but not
        inet_sock.bind_address_no_port
        inet_sock.freebind
        inet_sock.transparent
        inode.__i_ctime
        inode.i_ctime
        iov_iter.iov
        kernel_cap_t.cap[0]
        kernfs_node.__parent
        mm_struct.rss_stat.count[0].counter
        request.rq_disk
        task_struct.audit
        task_struct.state
        trace_event_raw_block_rq_complete.dev
        trace_event_raw_block_rq_complete.nr_sector
        trace_event_raw_block_rq_complete.sector
        trace_event_raw_kmem_alloc.bytes_alloc
        trace_event_raw_kmem_alloc.ptr
        trace_event_raw_kmem_alloc_node.bytes_alloc
        trace_event_raw_kmem_alloc_node.ptr
        trace_event_raw_kmem_free.ptr
    "#]]
    .assert_eq(&said);
}
