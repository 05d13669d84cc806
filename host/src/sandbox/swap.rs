//! Whether this process's memory can be swapped out, which decides whether PAGEMAP_SCAN is sound.
//! Refuses to guess: what cannot be read counts as "can be swapped".

use std::fs;
use std::path::Path;

/// Whether the kernel has promised never to swap this process's memory out: its cgroup (v2), or one above, has
/// `memory.swap.max` 0. An empty `/proc/swaps` is no promise, for `swapon` may come later. Reads files; for the start only.
pub fn swap_is_impossible() -> bool {
    let cgroup = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let Some(path) = unified(&cgroup) else { return false };
    let mount = Path::new("/sys/fs/cgroup");
    let own = mount.join(path.trim_start_matches('/'));
    own.ancestors().take_while(|folder| folder.starts_with(mount)).any(|folder| {
        fs::read_to_string(folder.join("memory.swap.max")).is_ok_and(|most| most.trim() == "0")
    })
}

/// The path in the unified hierarchy, from the text of `/proc/self/cgroup`. One that leaves what is mounted here says nothing.
fn unified(cgroup: &str) -> Option<&str> {
    cgroup.lines().find_map(|line| line.strip_prefix("0::")).filter(|path| !path.contains(".."))
}

#[cfg(test)]
mod tests {
    use super::unified;

    #[test]
    fn only_the_unified_hierarchy_says_anything() {
        assert_eq!(
            unified("0::/system.slice/enlist.service\n"),
            Some("/system.slice/enlist.service")
        );
        assert_eq!(unified("4:memory:/a\n0::/b\n"), Some("/b"));
        assert_eq!(unified("4:memory:/a\n"), None);
        assert_eq!(unified("0::/../other\n"), None);
    }
}
