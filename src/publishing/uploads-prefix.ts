/**
 * Where uploads keep what is no image yet, beside `images/`: nothing indexes it and no front serves it. A
 * claim makes a version one upload's own while that lasts; one that a crash left behind keeps its version's
 * name from being given out again, until a sweep clears it.
 */
const UPLOADS_PREFIX = 'uploads/';

export const RESERVATIONS_PREFIX = `${UPLOADS_PREFIX}claims/`;

export const STAGING_PREFIX = `${UPLOADS_PREFIX}waiting/`;

/** Beside its root: what makes an image whole. */
export const RECORD_FILE = 'upload.json';
