//! `BPF_PROG_QUERY`: each kind of place answers in its own way.

use super::Call;
use crate::links::{Places, ProgQuery, Queried, QueriedProg, places_of};
use crate::sys::Sys;
use skep_abi::Errno;
use skep_abi::attr::query as field;

/// The most ids that the kernel copies at once: what `kmalloc` gives.
const MAX_IDS: usize = 1 << 20;

/// `BPF_PROG_QUERY`.
pub(super) fn query(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    let query = ProgQuery {
        target: call.u32(&field::target_fd),
        attach_type: call.u32(&field::attach_type),
        flags: call.u32(&field::query_flags),
        attach_flags: call.u32(&field::attach_flags),
    };
    let found = sys.prog_query(&query);
    let places = places_of(query.attach_type);
    if places == Some(Places::Sockmap) && matches!(found, Err(Errno::EOPNOTSUPP | Errno::EBUSY)) {
        call.put(&field::attach_flags, 0);
        call.put(&field::prog_cnt, 0);
    }
    let found = found?;
    let room = call.u32(&field::prog_cnt) as usize;
    let ids = call.u64(&field::prog_ids);
    match places.ok_or(Errno::EINVAL)? {
        Places::Mprog => mprog(call, &found, room, ids),
        Places::Cgroup { lsm } => cgroup(call, &found, room, ids, lsm, query.flags != 0),
        Places::Netns => netns(call, &found, room, ids),
        Places::Sockmap => {
            call.put(&field::attach_flags, 0);
            if let Some(it) = found.progs.first().filter(|_| room != 0 && ids != 0) {
                call.write(ids, &it.prog_id.to_le_bytes())?;
            }
            call.put(&field::prog_cnt, found.progs.len() as u64);
            Ok(0)
        }
    }
}

/// The rows that there is room for.
fn fitting(found: &Queried, room: usize) -> (&[QueriedProg], Result<i32, Errno>) {
    match found.progs.get(..room) {
        Some(rows) if room < found.progs.len() => (rows, Err(Errno::ENOSPC)),
        _ => (&found.progs, Ok(0)),
    }
}

/// Writes a number of each row to an array, if there is one.
fn put_all(
    call: &mut Call<'_>,
    addr: u64,
    rows: &[QueriedProg],
    number: impl Fn(&QueriedProg) -> u32,
) -> Result<(), Errno> {
    if addr == 0 {
        return Ok(());
    }
    let bytes: Vec<u8> = rows.iter().flat_map(|it| number(it).to_le_bytes()).collect();
    call.write(addr, &bytes)
}

fn mprog(call: &mut Call<'_>, found: &Queried, room: usize, ids: u64) -> Result<i32, Errno> {
    call.put(&field::attach_flags, 0);
    call.put(&field::revision, found.revision);
    call.put(&field::count, found.progs.len() as u64);
    if room == 0 || ids == 0 || found.progs.is_empty() {
        return Ok(0);
    }
    let (rows, result) = fitting(found, room);
    let [flags, links, link_flags] =
        [field::prog_attach_flags, field::link_ids, field::link_attach_flags].map(|it| call.u64(&it));
    put_all(call, ids, rows, |it| it.prog_id)?;
    put_all(call, flags, rows, |_| 0)?;
    put_all(call, links, rows, |it| it.link_id)?;
    put_all(call, link_flags, rows, |_| 0)?;
    result
}

fn cgroup(
    call: &mut Call<'_>,
    found: &Queried,
    room: usize,
    ids: u64,
    lsm: bool,
    effective: bool,
) -> Result<i32, Errno> {
    let flags = call.u64(&field::prog_attach_flags);
    // Hooks of LSM programs have flags of their own, which have to be asked for.
    let needs_flags = lsm && !effective && room != 0 && ids != 0;
    if (effective && flags != 0) || (needs_flags && flags == 0) {
        return Err(Errno::EINVAL);
    }
    call.put(&field::attach_flags, u64::from(found.attach_flags));
    call.put(&field::prog_cnt, found.progs.len() as u64);
    call.put(&field::revision, found.revision);
    if room == 0 || ids == 0 || found.progs.is_empty() {
        return Ok(0);
    }
    let (rows, result) = fitting(found, room);
    put_all(call, ids, rows, |it| it.prog_id)?;
    put_all(call, flags, rows, |it| it.attach_flags)?;
    result
}

fn netns(call: &mut Call<'_>, found: &Queried, room: usize, ids: u64) -> Result<i32, Errno> {
    call.put(&field::attach_flags, 0);
    call.put(&field::prog_cnt, found.progs.len() as u64);
    if room == 0 || ids == 0 || found.progs.is_empty() {
        return Ok(0);
    }
    if room > MAX_IDS {
        return Err(Errno::ENOMEM);
    }
    let (rows, result) = fitting(found, room);
    // The whole array is written, zeros behind the ids (`bpf_prog_array_copy_to_user`).
    let mut bytes: Vec<u8> = rows.iter().flat_map(|it| it.prog_id.to_le_bytes()).collect();
    bytes.resize(room * 4, 0);
    call.write(ids, &bytes)?;
    result
}
