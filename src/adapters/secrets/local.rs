//! Secrets of a terminal: a value that the environment holds, or a file that only its owner may read.

use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;

use crate::ports::secret::{MAX_SECRET_SIZE, Secret, SecretError, SecretFault, SecretReader, Stage};
use crate::preparation::PreparationError;
use crate::preparation::reading::read_file;

/// Where a person keeps a secret.
#[derive(Debug, Clone)]
pub enum LocalSecret {
    /// What the environment said when the program started.
    Given { name: String, value: Secret },
    /// A file, read again when it is asked for again: whoever rotates the key writes it anew.
    File(PathBuf),
}

impl LocalSecret {
    /// A value that was found under this name.
    ///
    /// # Errors
    /// [`SecretError::Malformed`] when it can be no secret.
    pub fn given(name: &str, value: &str) -> Result<Self, SecretError> {
        let value = Secret::new(value).map_err(|fault| SecretError::Malformed { name: name.to_owned(), fault })?;
        Ok(Self::Given { name: name.to_owned(), value })
    }

    /// What errors call it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Given { name, .. } => name.clone(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

impl SecretReader for LocalSecret {
    async fn read(&self, stage: Stage) -> Result<Option<Secret>, SecretError> {
        match (stage, self) {
            (Stage::Previous, _) => Ok(None),
            (Stage::Current, Self::Given { value, .. }) => Ok(Some(value.clone())),
            (Stage::Current, Self::File(path)) => read_secret(path).map(Some),
        }
    }
}

fn read_secret(path: &Path) -> Result<Secret, SecretError> {
    let name = path.display().to_string();
    refuse_open(path, &name)?;
    let bytes = read_file(path).map_err(|error| match error {
        PreparationError::Unreadable { problem, .. } => SecretError::Missing { name: name.clone(), cause: problem },
        _ => too_long(&name),
    })?;
    if bytes.len() > MAX_SECRET_SIZE {
        return Err(too_long(&name));
    }
    let text = zeroizing_text(bytes)
        .ok_or_else(|| SecretError::Malformed { name: name.clone(), fault: SecretFault::Binary })?;
    Secret::new(&text).map_err(|fault| SecretError::Malformed { name, fault })
}

/// The bytes as text that is overwritten when it is dropped.
fn zeroizing_text(bytes: Vec<u8>) -> Option<Zeroizing<String>> {
    match String::from_utf8(bytes) {
        Ok(text) => Some(Zeroizing::new(text)),
        Err(_) => None,
    }
}

fn too_long(name: &str) -> SecretError {
    SecretError::Malformed { name: name.to_owned(), fault: SecretFault::TooLong }
}

/// A key that everybody on the machine may read is none.
#[cfg(unix)]
fn refuse_open(path: &Path, name: &str) -> Result<(), SecretError> {
    use std::os::unix::fs::PermissionsExt;
    let Ok(file) = std::fs::metadata(path) else {
        return Ok(());
    };
    if file.permissions().mode() & 0o006 == 0 {
        return Ok(());
    }
    let cause = format!("others may read the file; `chmod 600 {name}` keeps it to you");
    Err(SecretError::Denied { name: name.to_owned(), cause })
}

#[cfg(not(unix))]
fn refuse_open(_: &Path, _: &str) -> Result<(), SecretError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A future that is ready at once: files are read without a runtime.
    fn read(secret: &LocalSecret, stage: Stage) -> Result<Option<Secret>, SecretError> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(secret.read(stage)).poll(&mut context) {
            std::task::Poll::Ready(read) => read,
            std::task::Poll::Pending => panic!("a file makes nobody wait"),
        }
    }

    #[cfg(unix)]
    fn write(path: &Path, bytes: &[u8], mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(path, bytes).expect("written");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("changed");
    }

    #[test]
    #[cfg(unix)]
    fn a_file_is_read_each_time_and_must_be_fit() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        let secret = LocalSecret::File(path.clone());
        assert!(matches!(read(&secret, Stage::Current), Err(SecretError::Missing { .. })));
        for value in ["first", "second"] {
            write(&path, format!("{value}\n").as_bytes(), 0o600);
            let now = read(&secret, Stage::Current).expect("readable").expect("a value");
            assert_eq!(now.expose(), value);
        }
        assert!(read(&secret, Stage::Previous).expect("an answer").is_none());
        for mode in [0o644, 0o602] {
            write(&path, b"canary", mode);
            assert!(matches!(read(&secret, Stage::Current), Err(SecretError::Denied { .. })), "{mode:o}");
        }
        for (bytes, fault) in [
            (b"\xffcanary".to_vec(), SecretFault::Binary),
            (b"canary ".repeat(2), SecretFault::NotVisibleAscii),
            (b"canary".repeat(1_000), SecretFault::TooLong),
            (Vec::new(), SecretFault::Empty),
        ] {
            write(&path, &bytes, 0o600);
            let error = read(&secret, Stage::Current).expect_err("unfit");
            assert!(matches!(&error, SecretError::Malformed { fault: told, .. } if *told == fault), "{error}");
            assert!(!format!("{error}{error:?}").contains("canary"), "{error}");
        }
    }
}
