//! Files: directory entries up to the root, inodes, and open files.

use super::error::Problem;
use super::named::{Init, Row};
use super::route;
use super::scene::{Scene, Spot};
use super::types;
use super::value::FieldValue;
use Init::{In, Int, Of};
use skep_btf::TypeId;

/// The first inode number that files get (`EXT4_GOOD_OLD_FIRST_INO`, one more).
const FIRST_INO: u64 = 12;
/// `S_IFREG` and 0644; of what is in a directory for programs, 0755.
const REGULAR: i64 = 0o100644;
const EXECUTABLE: i64 = 0o100755;
const DIRECTORY: i64 = 0o40755;
/// Names longer than this are not looked into.
const MAX_PATH: usize = 4096;

const INODE: &[Row] = &[
    ("i_sb", Of("root_sb")),
    ("i_nlink", Int(1)),
    ("__i_nlink", Int(1)),
    ("i_blkbits", Int(12)),
    ("i_mapping", In("", "i_data")),
    ("i_data.host", In("", "")),
];

const FILE: &[Row] = &[
    // O_RDONLY, and O_LARGEFILE as on every 64-bit system.
    ("f_flags", Int(0x8000)),
    // FMODE_READ, LSEEK, PREAD, PWRITE, OPENED.
    ("f_mode", Int(0x8_001d)),
    ("f_path.mnt", In("root_mount", "mnt")),
    ("f_count", Int(1)),
    ("f_ref", Int(1)),
];

impl Scene<'_> {
    /// The directory entry of a path from the root; the same one for the same path.
    pub(crate) fn dentry(&mut self, path: &str) -> Result<Option<u64>, Problem> {
        self.for_good(|scene| scene.walk_to(path))
    }

    fn walk_to(&mut self, path: &str) -> Result<Option<u64>, Problem> {
        let Some(mut dentry) = self.named("root_dentry")? else { return Ok(None) };
        let path = path.get(..MAX_PATH).unwrap_or(path);
        let names: Vec<&str> = path.split('/').filter(|it| !it.is_empty() && *it != ".").collect();
        let mut whole = String::new();
        for (index, name) in names.iter().enumerate() {
            whole.push('/');
            whole.push_str(name);
            if let Some(known) = self.world.dentries.get(&whole) {
                dentry = *known;
                continue;
            }
            let mode = match (index + 1 == names.len(), whole.contains("bin/")) {
                (false, _) => DIRECTORY,
                (true, false) => REGULAR,
                (true, true) => EXECUTABLE,
            };
            dentry = self.new_dentry(dentry, name, mode)?;
            self.world.dentries.insert(whole.clone(), dentry);
        }
        Ok(Some(dentry))
    }

    fn new_dentry(&mut self, parent: u64, name: &str, mode: i64) -> Result<u64, Problem> {
        let id = self.type_of("dentry")?;
        let dentry = self.alloc(id, false)?;
        self.set_if(dentry, "dentry", "d_parent", FieldValue::Addr(parent))?;
        self.set_if(dentry, "dentry", "d_name.len", name.len())?;
        // It is in the hash table of entries; one that is not was deleted.
        if let Some(hash) = self.spot_if(parent, "dentry", "d_hash")? {
            self.set_if(dentry, "dentry", "d_hash.pprev", FieldValue::Addr(hash))?;
        }
        self.name_dentry(dentry, name)?;
        if let Some(sb) = self.named("root_sb")? {
            self.set_if(dentry, "dentry", "d_sb", FieldValue::Addr(sb))?;
        }
        if let Some(inode) = self.new_inode(mode)? {
            self.set_if(dentry, "dentry", "d_inode", FieldValue::Addr(inode))?;
        }
        Ok(dentry)
    }

    /// Short names are in the entry itself (`DNAME_INLINE_LEN` of `include/linux/dcache.h`).
    fn name_dentry(&mut self, dentry: u64, name: &str) -> Result<(), Problem> {
        let id = self.type_of("dentry")?;
        for field in ["d_iname", "d_shortname.string"] {
            let Ok(spot) = self.find(dentry, id, field, true) else { continue };
            let room = types::array(&self.btf, spot.field.type_id).map_or(0, |it| it.len as usize);
            if name.len() < room {
                self.set_if(dentry, "dentry", field, name)?;
                return self.set_if(dentry, "dentry", "d_name.name", FieldValue::Addr(spot.addr));
            }
        }
        self.set_if(dentry, "dentry", "d_name.name", name)
    }

    pub(crate) fn new_inode(&mut self, mode: i64) -> Result<Option<u64>, Problem> {
        let Ok(id) = self.type_of("inode") else { return Ok(None) };
        let inode = self.alloc(id, false)?;
        self.fill(inode, "inode", INODE)?;
        let ino = FIRST_INO + self.world.inodes;
        self.world.inodes += 1;
        self.set_if(inode, "inode", "i_ino", ino)?;
        self.set_if(inode, "inode", "i_mode", mode)?;
        Ok(Some(inode))
    }

    /// An open file.
    pub(crate) fn file(&mut self, path: &str) -> Result<Option<u64>, Problem> {
        let (Some(dentry), Ok(id)) = (self.dentry(path)?, self.type_of("file")) else { return Ok(None) };
        let file = self.alloc(id, false)?;
        self.fill(file, "file", FILE)?;
        self.set_if(file, "file", "f_path.dentry", FieldValue::Addr(dentry))?;
        for (field, of) in [("f_inode", "d_inode"), ("f_mapping", "d_inode.i_mapping")] {
            if let Some(addr) = self.get_if(dentry, "dentry", of) {
                self.set_if(file, "file", field, FieldValue::Addr(addr))?;
            }
        }
        if let Some(cred) = self.named("init_cred")? {
            self.set_if(file, "file", "f_cred", FieldValue::Addr(cred))?;
        }
        Ok(Some(file))
    }

    /// What a pointer to a struct points to that text stands for: a `file`, `dentry` or `path` is that of a path, a
    /// `filename` has it. `None`: text is none of this type.
    pub(crate) fn by_path(&mut self, target: TypeId, text: &str) -> Result<Option<u64>, Problem> {
        match self.btf.name(self.btf.resolve(target)) {
            "file" => self.file(text),
            "dentry" => self.dentry(text),
            "path" | "filename" | "qstr" => {
                let addr = self.alloc(target, false)?;
                let spot = Spot { addr, field: route::whole(&self.btf, target)? };
                Ok(self.text_fields(spot, text)?.then_some(addr))
            }
            _ => Ok(None),
        }
    }

    /// Sets a struct that text stands for: the `path` of a file, a `qstr`, a `filename`. False: it is none of these.
    pub(crate) fn text_fields(&mut self, spot: Spot, text: &str) -> Result<bool, Problem> {
        match self.btf.name(self.btf.resolve(spot.field.type_id)) {
            "path" => {
                self.fill(spot.addr, "path", &[("mnt", In("root_mount", "mnt"))])?;
                if let Some(dentry) = self.dentry(text)? {
                    self.set_if(spot.addr, "path", "dentry", FieldValue::Addr(dentry))?;
                }
            }
            "qstr" => {
                self.set_if(spot.addr, "qstr", "name", text)?;
                self.set_if(spot.addr, "qstr", "len", text.len())?;
            }
            "filename" => {
                self.set_if(spot.addr, "filename", "name", text)?;
                self.set_if(spot.addr, "filename", "refcnt", 1)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The table of a process's files, with its terminal as the first three.
    pub(crate) fn files(&mut self, files: u64) -> Result<(), Problem> {
        let Some(table) = self.spot_if(files, "files_struct", "fdtab")? else { return Ok(()) };
        self.set_if(files, "files_struct", "fdt", FieldValue::Addr(table))?;
        self.set_if(table, "fdtable", "max_fds", 64)?;
        self.set_if(files, "files_struct", "next_fd", 3)?;
        self.set_if(table, "fdtable", "open_fds[0]", 7)?;
        let Some(terminal) = self.file("/dev/pts/0")? else { return Ok(()) };
        // FMODE_READ and FMODE_WRITE; O_RDWR.
        self.set_if(terminal, "file", "f_mode", 0x8_001f)?;
        self.set_if(terminal, "file", "f_flags", 0x8002)?;
        for fd in 0..3 {
            self.set_if(table, "fdtable", &format!("fd[{fd}]"), FieldValue::Addr(terminal))?;
        }
        Ok(())
    }
}
