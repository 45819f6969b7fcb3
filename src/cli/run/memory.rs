//! How much memory there is.

use std::fs;

/// The memory of the machine in bytes, or what the control group of this process may have, if that is less. `None` where
/// the system does not say.
pub(super) fn of_machine() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
    let groups = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let group =
        groups.into_iter().filter_map(|path| fs::read_to_string(path).ok()).find_map(|text| limit(&text));
    machine.into_iter().chain(group).min()
}

/// `MemTotal: 16384 kB`, of the file that Linux has.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The limit of a control group; `max` is none.
fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_linux_are_read() {
        assert_eq!(total("MemTotal:       16384 kB\nMemFree:  1 kB\n"), Some(16_777_216));
        assert_eq!(total("MemFree: 1 kB\n"), None);
        assert_eq!(limit("1073741824\n"), Some(1 << 30));
        assert_eq!(limit("max\n"), None);
    }
}
