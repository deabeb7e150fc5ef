// SPDX-License-Identifier: Apache-2.0
// How many entries a ZIP claims to have. The library makes room for all of them when it opens the
// file, so this is read before: ends of the central directory (APPNOTE 4.3.14 to 4.3.16).
#include "archives/archive_priv.h"
#include "util/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    END_SIZE = 22,
    LOCATOR_SIZE = 20, // stands right before the end, where there is a 64-bit record
    END64_SIZE = 56,
    COMMENT_MAX = 65535,
    TAIL_MAX = COMMENT_MAX + END_SIZE + LOCATOR_SIZE,
    ON_DISK_AT = 8,
    TOTAL_AT = 10,
    DIRECTORY_AT = 16,
    OFFSET64_AT = 8,
    ON_DISK64_AT = 24,
    TOTAL64_AT = 32,
    HEADER_SIZE = 46, // of an entry in the directory, before its name
    NAME_LENGTH_AT = 28,
    EXTRA_LENGTH_AT = 30,
    COMMENT_LENGTH_AT = 32,
    SHOWN_MAX = 96
};

static uint64_t little(const uint8_t *bytes, int count)
{
    uint64_t value = 0;
    for (int i = count - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

static int read_at(const struct nj_zip_bytes *bytes, int64_t offset, uint8_t *out, size_t length)
{
    if (offset < 0 || (uint64_t)offset + length > (uint64_t)bytes->length)
        return NJ_E_CORRUPT;
    if (bytes->fd < 0) {
        memcpy(out, bytes->all + offset, length);
        return 0;
    }
    for (size_t have = 0; have < length;) {
        const ssize_t count =
            pread(bytes->fd, out + have, length - have, (off_t)(offset + (int64_t)have));
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return NJ_E_IO;
        have += (size_t)count;
    }
    return 0;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

// The count of the 64-bit record that the locator before this end points to; 0 when there is none.
static uint64_t claimed_64(const struct nj_zip_bytes *bytes, const uint8_t *locator)
{
    uint8_t record[END64_SIZE];
    if (memcmp(locator, "PK\6\7", 4) != 0)
        return 0;
    const uint64_t offset = little(locator + OFFSET64_AT, 8);
    if (offset > INT64_MAX || read_at(bytes, (int64_t)offset, record, sizeof record) != 0)
        return 0;
    return larger(little(record + ON_DISK64_AT, 8), little(record + TOTAL64_AT, 8));
}

int nj_zip_claimed_entries(const struct nj_zip_bytes *bytes, struct nj_zip_claim *out,
                           struct nj_error *err)
{
    const size_t length = bytes->length < TAIL_MAX ? (size_t)bytes->length : TAIL_MAX;
    bool found = false;
    uint64_t claimed = 0;
    int64_t directory = 0;
    if (length < END_SIZE)
        return nj_error_set(err, NJ_E_CORRUPT, "this is no ZIP: it has only %zu bytes", length);
    uint8_t *tail = malloc(length);
    if (tail == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory to read a ZIP");
    if (read_at(bytes, bytes->length - (int64_t)length, tail, length) != 0) {
        free(tail);
        return nj_error_set(err, NJ_E_IO, "the end of the file could not be read");
    }
    // Whatever could be taken for an end counts: the library may choose another one than we would.
    for (size_t i = 0; i + END_SIZE <= length; i++) {
        if (memcmp(tail + i, "PK\5\6", 4) != 0)
            continue;
        found = true;
        directory = (int64_t)little(tail + i + DIRECTORY_AT, 4);
        claimed = larger(claimed, little(tail + i + ON_DISK_AT, 2));
        claimed = larger(claimed, little(tail + i + TOTAL_AT, 2));
        if (i >= LOCATOR_SIZE)
            claimed = larger(claimed, claimed_64(bytes, tail + i - LOCATOR_SIZE));
    }
    free(tail);
    if (!found)
        return nj_error_set(err, NJ_E_CORRUPT,
                            "this is no ZIP: the directory at its end is "
                            "missing");
    *out = (struct nj_zip_claim){claimed, directory};
    return 0;
}

int nj_zip_check_nuls(const struct nj_zip_bytes *bytes, const struct nj_zip_claim *claim,
                      struct nj_error *err)
{
    int64_t at = claim->directory;
    for (uint64_t i = 0; i < claim->entries; i++) {
        uint8_t header[HEADER_SIZE], name[NJ_ARCHIVE_NAME_MAX]; // longer ones are refused anyway
        if (read_at(bytes, at, header, sizeof header) != 0 || memcmp(header, "PK\1\2", 4) != 0)
            return 0;
        const size_t length = (size_t)little(header + NAME_LENGTH_AT, 2);
        const size_t looked = length < sizeof name ? length : sizeof name;
        if (read_at(bytes, at + HEADER_SIZE, name, looked) != 0)
            return 0;
        if (memchr(name, '\0', looked) != NULL) {
            char shown[SHOWN_MAX];
            nj_text_printable(shown, sizeof shown, (const char *)name);
            return nj_error_set(err, NJ_E_DENIED, "'%s...' has a NUL in its name", shown);
        }
        at += HEADER_SIZE + (int64_t)length + (int64_t)little(header + EXTRA_LENGTH_AT, 2) +
              (int64_t)little(header + COMMENT_LENGTH_AT, 2);
    }
    return 0;
}
