// SPDX-License-Identifier: Apache-2.0
// The two things Nightjar wants of EXIF: which way is up, and when the picture was taken.
//
// Every offset comes from a stranger: each read is checked against the block's length, and only
// two directories are ever visited, so no cycle can be followed.
#include "frames/picture_priv.h"

#include <string.h>
#include <time.h>

enum {
    TAG_ORIENTATION = 0x0112,
    TAG_DATE_TIME = 0x0132,
    TAG_EXIF_DIRECTORY = 0x8769,
    TAG_DATE_TIME_ORIGINAL = 0x9003,
    TAG_OFFSET_TIME = 0x9010,
    TAG_OFFSET_TIME_ORIGINAL = 0x9011,
    TAG_SUBSECONDS_ORIGINAL = 0x9291,

    TYPE_ASCII = 2,
    TYPE_SHORT = 3,
    TYPE_LONG = 4,

    HEADER_BYTES = 8,
    ENTRY_BYTES = 12,
    TEXT_MAX = 32, // "YYYY:MM:DD HH:MM:SS" is the longest that is read
};

struct tiff {
    struct nj_bytes bytes;
    bool little_endian;
};

struct labels {
    char changed[TEXT_MAX], original[TEXT_MAX];
    char offset[TEXT_MAX], offset_original[TEXT_MAX];
    char subseconds[TEXT_MAX];
    uint32_t directory; // offset of the Exif directory, 0: none
    int orientation;    // 0: none
};

static bool has(const struct tiff *tiff, size_t at, size_t length)
{
    return at <= tiff->bytes.length && length <= tiff->bytes.length - at;
}

static uint32_t read_uint(const struct tiff *tiff, size_t at, size_t length)
{
    uint32_t value = 0;
    for (size_t i = 0; i < length; i++) {
        size_t place = tiff->little_endian ? length - 1 - i : i;
        value = value << 8 | tiff->bytes.data[at + place];
    }
    return value;
}

static void read_text(const struct tiff *tiff, size_t entry, char out[TEXT_MAX])
{
    uint32_t count = read_uint(tiff, entry + 4, 4);
    size_t at = count <= 4 ? entry + 8 : read_uint(tiff, entry + 8, 4);
    if (read_uint(tiff, entry + 2, 2) != TYPE_ASCII || count >= TEXT_MAX || !has(tiff, at, count))
        return;
    memcpy(out, tiff->bytes.data + at, count);
    out[count] = '\0';
}

static void read_entry(const struct tiff *tiff, size_t entry, struct labels *labels)
{
    uint32_t type = read_uint(tiff, entry + 2, 2);
    switch (read_uint(tiff, entry, 2)) {
    case TAG_ORIENTATION:
        if (type == TYPE_SHORT)
            labels->orientation = (int)read_uint(tiff, entry + 8, 2);
        break;
    case TAG_EXIF_DIRECTORY:
        if (type == TYPE_LONG)
            labels->directory = read_uint(tiff, entry + 8, 4);
        break;
    case TAG_DATE_TIME:
        read_text(tiff, entry, labels->changed);
        break;
    case TAG_DATE_TIME_ORIGINAL:
        read_text(tiff, entry, labels->original);
        break;
    case TAG_OFFSET_TIME:
        read_text(tiff, entry, labels->offset);
        break;
    case TAG_OFFSET_TIME_ORIGINAL:
        read_text(tiff, entry, labels->offset_original);
        break;
    case TAG_SUBSECONDS_ORIGINAL:
        read_text(tiff, entry, labels->subseconds);
        break;
    default:
        break;
    }
}

static void read_directory(const struct tiff *tiff, size_t at, struct labels *labels)
{
    if (!has(tiff, at, 2))
        return;
    uint32_t count = read_uint(tiff, at, 2);
    at += 2;
    for (uint32_t i = 0; i < count && has(tiff, at, ENTRY_BYTES); i++, at += ENTRY_BYTES)
        read_entry(tiff, at, labels);
}

static bool read_digits(const char *text, int length, int *out)
{
    int value = 0;
    for (int i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (text[i] - '0');
    }
    *out = value;
    return true;
}

// "2026:01:31 12:00:00"; cameras that do not know write blanks or zeros.
static bool read_date_time(const char *text, struct tm *out)
{
    static const struct {
        int at, length, least, most;
    } parts[] = {{0, 4, 1970, 2199}, {5, 2, 1, 12},  {8, 2, 1, 31},
                 {11, 2, 0, 23},     {14, 2, 0, 59}, {17, 2, 0, 60}};
    int values[6];
    if (strnlen(text, TEXT_MAX) < 19)
        return false;
    for (int i = 0; i < 6; i++) {
        if (!read_digits(text + parts[i].at, parts[i].length, &values[i]) ||
            values[i] < parts[i].least || values[i] > parts[i].most)
            return false;
    }
    *out = (struct tm){.tm_year = values[0] - 1900,
                       .tm_mon = values[1] - 1,
                       .tm_mday = values[2],
                       .tm_hour = values[3],
                       .tm_min = values[4],
                       .tm_sec = values[5],
                       .tm_isdst = -1};
    return true;
}

// "+02:00" or "-03:30" or "Z"; false when absent or nonsense.
static bool read_offset(const char *text, int *out_s)
{
    int hours;
    int minutes;
    if (text[0] == 'Z') {
        *out_s = 0;
        return true;
    }
    if (strnlen(text, TEXT_MAX) < 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':' ||
        !read_digits(text + 1, 2, &hours) || !read_digits(text + 4, 2, &minutes) || hours > 15 ||
        minutes > 59)
        return false;
    *out_s = (hours * 3600 + minutes * 60) * (text[0] == '-' ? -1 : 1);
    return true;
}

static nj_us read_subseconds(const char *text)
{
    nj_us value = 0;
    nj_us unit = NJ_US_PER_S / 10;
    for (; *text >= '0' && *text <= '9' && unit > 0; text++, unit /= 10)
        value += (*text - '0') * unit;
    return value;
}

static nj_us time_of(const struct labels *labels)
{
    struct tm tm;
    const char *offset = labels->offset_original;
    nj_us fraction = 0;
    if (read_date_time(labels->original, &tm)) {
        fraction = read_subseconds(labels->subseconds);
    } else {
        offset = labels->offset;
        if (!read_date_time(labels->changed, &tm))
            return 0;
    }
    int offset_s = 0;
    bool known = read_offset(offset, &offset_s) || read_offset(labels->offset, &offset_s);
    time_t seconds = known ? timegm(&tm) - offset_s : mktime(&tm);
    return seconds > 0 ? seconds * (nj_us)NJ_US_PER_S + fraction : 0;
}

void nj_exif_read(struct nj_bytes bytes, struct nj_exif *out)
{
    struct tiff tiff = {bytes, false};
    if (bytes.length < HEADER_BYTES)
        return;
    if (memcmp(bytes.data, "II*\0", 4) == 0)
        tiff.little_endian = true;
    else if (memcmp(bytes.data, "MM\0*", 4) != 0)
        return;
    struct labels labels = {0};
    read_directory(&tiff, read_uint(&tiff, 4, 4), &labels);
    if (labels.directory)
        read_directory(&tiff, labels.directory, &labels);
    if (labels.orientation >= 1 && labels.orientation <= 8)
        out->orientation = labels.orientation;
    nj_us taken = time_of(&labels);
    if (taken > 0)
        out->taken_wall_us = taken;
}
