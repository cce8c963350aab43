use super::*;
use expect_test::expect;
use skep_btf::{BtfBuilder, IntEncoding, Kind};
use std::io::Write as _;

/// BTF with one integer, called `name`.
fn btf(name: &str) -> Vec<u8> {
    let mut builder = BtfBuilder::new();
    builder.int(name, 4, IntEncoding::Signed);
    builder.build().unwrap().to_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn message(bytes: &[u8]) -> String {
    parse(bytes, "x").unwrap_err().to_string()
}

#[test]
fn plain_and_packed() {
    let plain = btf("number");
    let archived = tar(&[("README", b"text"), ("5.4/kernel.btf", &plain)]);
    for bytes in [plain.clone(), gzip(&plain), archived.clone(), gzip(&archived), gzip(&gzip(&plain))] {
        let target = parse(&bytes, "x").unwrap();
        assert_eq!(&*target.origin, "x");
        assert!(target.vmlinux.find(Kind::Int, "number").is_some());
    }
}

#[test]
fn what_xz_and_zstd_wrote() {
    // `printf` of the BTF above through xz 5.4 and zstd 1.5.
    for packed in [
        &include_bytes!("testdata/number.btf.xz")[..],
        include_bytes!("testdata/number.btf.tar.xz"),
        include_bytes!("testdata/number.btf.zst"),
    ] {
        assert!(parse(packed, "x").unwrap().vmlinux.find(Kind::Int, "number").is_some());
    }
}

#[test]
fn an_object_has_types_too() {
    let object = include_bytes!("../../../../fixtures/xdp_firewall.bpf.o");
    assert!(parse(object, "x").unwrap().vmlinux.find(Kind::Struct, "xdp_md").is_some());
}

#[test]
fn kernels_to_boot() {
    let packed = gzip(&btf("number"));
    let mut kernel = vec![0; 1024];
    kernel[0x1f1] = 1;
    kernel[0x202..0x206].copy_from_slice(b"HdrS");
    kernel[0x24c..0x250].copy_from_slice(&(packed.len() as u32).to_le_bytes());
    kernel.extend(packed);
    assert!(parse(&kernel, "x").is_ok());
}

#[test]
fn what_is_wrong_is_said() {
    let plain = btf("number");
    expect!["x: it is neither BTF, nor an ELF file, nor an archive or a kernel with one"]
        .assert_eq(&message(b"hello"));
    expect!["x: the archive has no file called *.btf or vmlinux"].assert_eq(&message(&tar(&[("a", &plain)])));
    assert!(message(&plain[..20]).starts_with("x: "));
    let missing = named("/no/such/file").unwrap_err().to_string();
    assert!(missing.starts_with("/no/such/file: "), "{missing}");
    let absent = of_folder(Path::new("/no/such/folder"), "host").unwrap_err().to_string();
    assert!(absent.ends_with("CONFIG_DEBUG_INFO_BTF): give a file, or `bundled`"), "{absent}");
}

#[test]
fn bombs_do_not_go_off() {
    let zeroes = vec![0u8; 8 << 20];
    let once = gzip(&zeroes.repeat(24));
    assert_eq!(message(&once), "x: it holds more than 160 MiB");
    let nested = (0..8).fold(btf("number"), |bytes, _| gzip(&bytes));
    assert_eq!(message(&nested), "x: it is packed more than 4 times over");
}

#[test]
fn modules_are_beside_vmlinux() {
    let folder = tempfile::tempdir().unwrap();
    let base = btf("number");
    std::fs::write(folder.path().join("vmlinux"), &base).unwrap();
    let mut module = BtfBuilder::on(Arc::new(Btf::parse(&base).unwrap()));
    module.int("other", 8, IntEncoding::Unsigned);
    std::fs::write(folder.path().join("fuse"), module.build().unwrap().to_bytes()).unwrap();
    let target = file(folder.path()).unwrap();
    assert_eq!((&*target.origin, &*target.modules[0].0), (folder.path().to_str().unwrap(), "fuse"));
    assert!(target.modules[0].1.find(Kind::Int, "other").is_some());
    assert_eq!(of_folder(folder.path(), "host").unwrap().origin, "host".into());

    let packed = gzip(&std::fs::read(folder.path().join("fuse")).unwrap());
    std::fs::rename(folder.path().join("fuse"), folder.path().join("nf-nat.ko.gz")).unwrap();
    std::fs::write(folder.path().join("nf-nat.ko.gz"), packed).unwrap();
    let target = named(folder.path().to_str().unwrap()).unwrap();
    assert!(target.module("nf_nat").is_some_and(|it| it.find(Kind::Int, "other").is_some()));
    std::fs::write(folder.path().join("README"), b"text").unwrap();
    let error = file(folder.path()).unwrap_err().to_string();
    assert!(error.contains("README: it is neither BTF"), "{error}");
}
