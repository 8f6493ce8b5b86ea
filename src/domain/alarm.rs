//! What threatens the recordings, as register and administrators are told (A5-4, fault 13). An alarm changes nothing by
//! itself: under pressure nothing is destroyed before its time, recording stops instead.

use serde::{Deserialize, Serialize};

/// One thing that can threaten the recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorageAlarm {
    /// The recordings' disk fills up: recording goes on. Its figure is MiB free.
    SpaceLow,
    /// Only what is kept for the register and for held footage is left: recording has stopped. Its figure is MiB free.
    SpaceOut,
    /// The off-site copy falls behind. Its figure is seconds since the oldest segment that is not copied.
    CopyBehind,
    /// What is destroyed here is still in the off-site copy. Its figure is seconds since it should be gone.
    CopyUndeleted,
    /// Recorded segments whose time is not up are not on the disk: it is not mounted, or somebody took them away. Recording
    /// goes on. Its figure is their number.
    FilesMissing,
}

impl StorageAlarm {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::SpaceLow, Self::SpaceOut, Self::CopyBehind, Self::CopyUndeleted, Self::FilesMissing];

    /// The word used in the register, in metrics and texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SpaceLow => "space-low",
            Self::SpaceOut => "space-out",
            Self::CopyBehind => "copy-behind",
            Self::CopyUndeleted => "copy-undeleted",
            Self::FilesMissing => "files-missing",
        }
    }
}
