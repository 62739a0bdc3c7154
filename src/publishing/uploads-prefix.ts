/**
 * The prefix for uploads that are not images yet, beside `images/`. It is never indexed, and no front serves it. A
 * reservation gives a version to one upload until the upload ends. After a crash, the reservation still blocks the
 * version's name, until `clearUploads` deletes it.
 */
const UPLOADS_PREFIX = 'uploads/';

export const RESERVATIONS_PREFIX = `${UPLOADS_PREFIX}claims/`;

export const STAGING_PREFIX = `${UPLOADS_PREFIX}waiting/`;

/** The record beside a staged root. It marks the image as complete. */
export const RECORD_FILE = 'upload.json';
