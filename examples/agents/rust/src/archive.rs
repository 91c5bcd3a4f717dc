//! Unpacks a configuration. Nothing in it may be written or point outside of its directory [archive.form].

use std::fs::{self, File};
use std::path::{Component, Path};

use anyhow::{Context, bail, ensure};
use flate2::read::GzDecoder;
use tar::{Archive, Entry, EntryType};

const MAX_ENTRIES: usize = 100_000;
const MAX_BYTES: u64 = 1 << 30;

pub fn unpack(archive: &Path, into: &Path) -> anyhow::Result<()> {
    fs::create_dir(into)?;
    let mut left = MAX_BYTES;
    let mut archive = Archive::new(GzDecoder::new(File::open(archive)?));
    for (index, entry) in archive.entries()?.enumerate() {
        ensure!(index < MAX_ENTRIES, "it has more than {MAX_ENTRIES} entries");
        let mut entry = entry?;
        left = left.checked_sub(entry.size()).with_context(|| format!("it unpacks to more than {MAX_BYTES} bytes"))?;
        check(&entry).with_context(|| format!("{:?}", String::from_utf8_lossy(&entry.path_bytes())))?;
        // Follows no link that leads out of the directory, either.
        ensure!(entry.unpack_in(into)?, "a name leads out of the archive");
    }
    Ok(())
}

fn check(entry: &Entry<GzDecoder<File>>) -> anyhow::Result<()> {
    let name = entry.path()?;
    ensure!(is_inside(&name, 0), "a name that leads out of the archive");
    match entry.header().entry_type() {
        EntryType::Regular | EntryType::Directory => Ok(()),
        EntryType::Symlink => {
            let target = entry.link_name()?.context("a link without a target")?;
            let depth = name.components().count().saturating_sub(1);
            ensure!(is_inside(&target, depth), "a link that leads out of the archive");
            Ok(())
        }
        _ => bail!("neither a file, nor a directory, nor a link"),
    }
}

/// Whether a path stays inside when it begins so many directories below the root.
fn is_inside(path: &Path, mut depth: usize) -> bool {
    path.components().all(|component| match component {
        Component::Normal(_) => {
            depth += 1;
            true
        }
        Component::CurDir => true,
        Component::ParentDir if depth > 0 => {
            depth -= 1;
            true
        }
        _ => false,
    })
}
