//! Cores, memory and disk of this machine.

use std::path::Path;

use crate::shell;

const KIB_PER_GIB: f64 = 1024.0 * 1024.0;

pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Memory that a build could use, in GiB; `None` where the system does not say.
pub fn available_memory() -> Option<f64> {
    available_in(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

/// Free disk space for an ordinary user where `path` is or will be, in GiB.
pub fn free_disk(path: &Path) -> Option<f64> {
    let existing = path.ancestors().find(|folder| folder.exists())?;
    free_in(&shell::answer("df", &["-Pk", existing.to_str()?])?)
}

fn available_in(meminfo: &str) -> Option<f64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? / KIB_PER_GIB)
}

/// Reads POSIX `df -Pk`: the fourth column of its second line.
fn free_in(df: &str) -> Option<f64> {
    let kib = df.lines().nth(1)?.split_whitespace().nth(3)?;
    Some(kib.parse::<f64>().ok()? / KIB_PER_GIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_disk_are_read_in_gib() {
        assert_eq!(available_in("MemTotal: 9 kB\nMemAvailable:    4194304 kB\n"), Some(4.0));
        assert_eq!(available_in("MemTotal: 9 kB\n"), None);
        let df = "Filesystem 1024-blocks Used Available Capacity Mounted on\n\
                  /dev/sda 20 10 10485760 50% /\n";
        assert_eq!(free_in(df), Some(10.0));
        assert_eq!(free_in(""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_answers() {
        assert!(cores() >= 1);
        assert!(available_memory().is_some_and(|gib| gib > 0.0));
        assert!(free_disk(&std::env::temp_dir().join("not/yet/there")).is_some());
    }
}
