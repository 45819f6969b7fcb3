//! How RocksDB is opened: bounded memory, few files and threads, and every check there is.
//!
//! What it reads is what is not in memory: everything once at the start, and cold keys. What it is written is a batch in
//! order of keys, every few seconds. So it needs little cache, and larger buffers would only lengthen a start.

use std::sync::{Arc, Mutex, PoisonError};

use rocksdb::{BlockBasedOptions, Cache, DBCompressionType, DBRecoveryMode, InfoLogger, LogLevel, Options};

use crate::limits;

/// Of a block, which is read and compressed as one.
const BLOCK_BYTES: usize = 16 << 10;

/// Of a filter, for a key: of a hundred keys that are not there, one is looked for in vain.
const FILTER_BITS: f64 = 10.0;

/// The file `LOG`, and how many old ones of it are kept.
const LOG_BYTES_MAX: usize = 1 << 20;
const LOGS_KEPT: usize = 4;

const MANIFEST_BYTES_MAX: usize = 16 << 20;

/// For a store that is written, or made where there is none.
pub(super) fn to_write() -> Options {
    let mut options = common();
    options.create_if_missing(true);
    options.set_max_background_jobs(limits::STORE_THREADS);
    options.set_write_buffer_size(limits::STORE_BUFFER_BYTES);
    options.set_max_write_buffer_number(3);
    options.set_max_total_wal_size(2 * limits::STORE_BUFFER_BYTES as u64);
    options.set_bytes_per_sync(1 << 20);
    options.set_max_manifest_file_size(MANIFEST_BYTES_MAX);
    options.set_log_level(LogLevel::Warn);
    options.set_max_log_file_size(LOG_BYTES_MAX);
    options.set_keep_log_file_num(LOGS_KEPT);
    options.set_stats_dump_period_sec(0);
    options
}

/// For a store that is read; nothing is written into its directory, not even a `LOG`.
pub(super) fn to_read(remarks: &Remarks) -> Options {
    let mut options = common();
    let remarks = remarks.clone();
    options.set_info_logger(InfoLogger::new_callback_logger(LogLevel::Warn, move |_, line| {
        remarks.note(line);
    }));
    options
}

/// For a store that is read while another process writes to it: all files are opened at once, so that none is missing
/// later.
pub(super) fn to_read_beside(remarks: &Remarks) -> Options {
    let mut options = to_read(remarks);
    options.set_max_open_files(-1);
    options
}

fn common() -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&Cache::new_lru_cache(limits::STORE_CACHE_BYTES));
    blocks.set_block_size(BLOCK_BYTES);
    blocks.set_bloom_filter(FILTER_BITS, false);
    // Indexes and filters are counted as what is cached, so that they are bounded too.
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);

    let mut options = Options::default();
    options.set_block_based_table_factory(&blocks);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_max_open_files(limits::STORE_FILES_OPEN_MAX);
    options.set_paranoid_checks(true);
    options.set_skip_stats_update_on_db_open(true);
    // The end of a log that was being written when the power failed may be anything: it is read as far as it is whole.
    // Whether that is far enough is for the number of commits to say.
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options
}

/// What RocksDB says beside its errors, such as where it stopped to read a log.
#[derive(Clone, Default)]
pub(super) struct Remarks(Arc<Mutex<Option<String>>>);

impl Remarks {
    /// The last that was said of damage.
    pub(super) fn last(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, line: &str) {
        if let Some(at) = line.find("Corruption: ") {
            let told = line[at..].trim_start_matches("Corruption: ").trim_end().to_owned();
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
        }
    }
}
