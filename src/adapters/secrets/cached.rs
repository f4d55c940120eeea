//! One value for the life of the process.

use std::sync::{Mutex, PoisonError};

use crate::ports::secret::{Secret, SecretError, SecretReader, Stage};

/// A secret that is read when it is first needed and then remembered. In a function that stays warm this is one read
/// for many runs.
#[derive(Debug)]
pub struct CachedSecret<R> {
    name: String,
    reader: R,
    known: Mutex<Option<Secret>>,
}

impl<R: SecretReader> CachedSecret<R> {
    /// `name` stands in errors.
    pub fn new(name: &str, reader: R) -> Self {
        Self { name: name.to_owned(), reader, known: Mutex::new(None) }
    }

    /// What errors call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value in force when it was last read.
    ///
    /// # Errors
    /// As the reader's, and [`SecretError::Missing`] where there is no value.
    pub async fn current(&self) -> Result<Secret, SecretError> {
        match self.remembered() {
            Some(secret) => Ok(secret),
            None => self.read().await,
        }
    }

    /// After a refusal: the value in force now, read again, once; `None` when it is still the refused one. Whoever else
    /// was refused with the same value meanwhile gets the new one without another read.
    ///
    /// # Errors
    /// As [`Self::current`].
    pub async fn renewed(&self, refused: &Secret) -> Result<Option<Secret>, SecretError> {
        let now = match self.remembered() {
            Some(known) if !known.is_same_as(refused) => known,
            _ => self.read().await?,
        };
        Ok(Some(now).filter(|now| !now.is_same_as(refused)))
    }

    /// The value before the last rotation, while there is one. Not remembered: it is on its way out.
    ///
    /// # Errors
    /// As the reader's.
    pub async fn previous(&self) -> Result<Option<Secret>, SecretError> {
        self.reader.read(Stage::Previous).await
    }

    fn remembered(&self) -> Option<Secret> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn read(&self) -> Result<Secret, SecretError> {
        let read = self.reader.read(Stage::Current).await?;
        let secret = read.ok_or_else(|| SecretError::Missing {
            name: self.name.clone(),
            cause: "there is no value in force".to_owned(),
        })?;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(secret.clone());
        Ok(secret)
    }
}
