// SPDX-License-Identifier: Apache-2.0
// Local time of a named zone: TZif version 2 and later (RFC 8536), and its footer for the future.
#include "util/timezone.h"

#include "util/calendar_priv.h"
#include "util/file.h"
#include "util/mem.h"
#include "util/posix_tz_priv.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    NJ_TZIF_MAX_BYTES = 256 * 1024, // the largest of the tz database has 4 KB
    NJ_TZIF_HEADER_BYTES = 44,
    NJ_TZIF_OFFSET_MAX_S = 26 * 3600, // more than any zone ever had
    NJ_TZIF_FOOTER_MAX = 256,
    NJ_TIMEZONE_NAME_MAX = 128,
};

struct transition {
    int64_t at_s; // UTC
    int offset_s; // from then on
};

struct nj_timezone {
    struct transition *transitions; // ascending
    size_t count;
    int first_offset_s; // before the first transition
    bool has_rule;      // for what comes after the last transition
    struct nj_posix_tz rule;
};

struct header {
    size_t utc_flags, standard_flags, leaps, times, types, name_bytes;
    int version;
};

static uint32_t big_endian_32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int64_t big_endian_64(const uint8_t *at)
{
    return (int64_t)((uint64_t)big_endian_32(at) << 32 | big_endian_32(at + 4));
}

static bool read_header(const uint8_t *at, size_t left, struct header *out)
{
    if (left < NJ_TZIF_HEADER_BYTES || memcmp(at, "TZif", 4) != 0)
        return false;
    *out = (struct header){
        .version = at[4],
        .utc_flags = big_endian_32(at + 20),
        .standard_flags = big_endian_32(at + 24),
        .leaps = big_endian_32(at + 28),
        .times = big_endian_32(at + 32),
        .types = big_endian_32(at + 36),
        .name_bytes = big_endian_32(at + 40),
    };
    return out->types > 0 && out->types <= 256;
}

// Of the data behind a header whose times have `time_size` bytes. Six 32-bit counts cannot
// overflow 64 bits.
static uint64_t body_bytes(const struct header *header, unsigned time_size)
{
    return (uint64_t)header->times * (time_size + 1) + (uint64_t)header->types * 6 +
           header->name_bytes + (uint64_t)header->leaps * (time_size + 4) + header->standard_flags +
           header->utc_flags;
}

static bool read_types(const uint8_t *at, size_t count, int offsets[256])
{
    for (size_t i = 0; i < count; i++) {
        int64_t offset = (int32_t)big_endian_32(at + i * 6);
        if (offset < -NJ_TZIF_OFFSET_MAX_S || offset > NJ_TZIF_OFFSET_MAX_S)
            return false;
        offsets[i] = (int)offset;
    }
    return true;
}

static int read_transitions(struct nj_timezone *zone, const struct header *header,
                            const uint8_t *body)
{
    const uint8_t *indices = body + header->times * 8;
    int offsets[256] = {0};
    if (!read_types(indices + header->times, header->types, offsets))
        return NJ_E_CORRUPT;
    zone->transitions = nj_malloc_array(header->times, sizeof(*zone->transitions));
    if (!zone->transitions)
        return NJ_E_NOMEM;
    for (size_t i = 0; i < header->times; i++) {
        struct transition *transition = &zone->transitions[i];
        transition->at_s = big_endian_64(body + i * 8);
        if (indices[i] >= header->types || (i && transition->at_s <= transition[-1].at_s))
            return NJ_E_CORRUPT;
        transition->offset_s = offsets[indices[i]];
    }
    zone->count = header->times;
    zone->first_offset_s = offsets[0];
    return 0;
}

// Between two line feeds; empty when the future is unknown.
static int read_footer(struct nj_timezone *zone, const uint8_t *at, size_t left)
{
    char rule[NJ_TZIF_FOOTER_MAX];
    const uint8_t *end = left > 1 ? memchr(at + 1, '\n', left - 1) : NULL;
    if (!end || at[0] != '\n' || end - at > NJ_TZIF_FOOTER_MAX)
        return NJ_E_CORRUPT;
    size_t length = (size_t)(end - at) - 1;
    if (length == 0)
        return 0;
    memcpy(rule, at + 1, length);
    rule[length] = '\0';
    zone->has_rule = nj_posix_tz_parse(rule, &zone->rule);
    return zone->has_rule ? 0 : NJ_E_CORRUPT;
}

static int read_zone(struct nj_timezone *zone, const uint8_t *at, size_t left)
{
    struct header header;
    if (!read_header(at, left, &header) || header.version < '2')
        return NJ_E_CORRUPT;
    // The first block has 32-bit times and is there for old readers.
    uint64_t skipped = NJ_TZIF_HEADER_BYTES + body_bytes(&header, 4);
    if (skipped > left)
        return NJ_E_CORRUPT;
    at += skipped;
    left -= skipped;
    if (!read_header(at, left, &header))
        return NJ_E_CORRUPT;
    uint64_t body = body_bytes(&header, 8);
    if (body > left - NJ_TZIF_HEADER_BYTES)
        return NJ_E_CORRUPT;
    at += NJ_TZIF_HEADER_BYTES;
    left -= NJ_TZIF_HEADER_BYTES;
    int rc = read_transitions(zone, &header, at);
    return rc ? rc : read_footer(zone, at + body, left - body);
}

static bool name_allowed(const char *name)
{
    return name[0] != '/' && !strstr(name, "..") && strlen(name) <= NJ_TIMEZONE_NAME_MAX;
}

static int load(struct nj_timezone *zone, const char *path, struct nj_error *err)
{
    char *data;
    size_t length;
    int rc = nj_file_read(path, NJ_TZIF_MAX_BYTES, &data, &length, err);
    if (rc)
        return rc == NJ_E_TOO_BIG ? NJ_E_CORRUPT : rc;
    rc = read_zone(zone, (const uint8_t *)data, length);
    free(data);
    if (rc)
        nj_error_set(err, rc, "%s is not a time zone file of version 2 or later", path);
    return rc;
}

int nj_timezone_create(const char *name, struct nj_timezone **out, struct nj_error *err)
{
    char path[NJ_TIMEZONE_NAME_MAX + 32] = "/etc/localtime";
    bool own = !name || !*name;
    if (!own && !name_allowed(name))
        return nj_error_set(err, NJ_E_NOT_FOUND, "no time zone has the name \"%s\"", name);
    if (!own)
        snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
    struct nj_timezone *zone = calloc(1, sizeof(*zone));
    if (!zone)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a time zone");
    // UTC needs no file: small systems have no zone database and no /etc/localtime.
    bool utc = own ? access(path, F_OK) != 0 : strcmp(name, "UTC") == 0;
    int rc = utc ? 0 : load(zone, path, err);
    if (rc) {
        nj_timezone_destroy(zone);
        return rc;
    }
    *out = zone;
    return 0;
}

void nj_timezone_destroy(struct nj_timezone *zone)
{
    if (!zone)
        return;
    free(zone->transitions);
    free(zone);
}

// Local minus UTC, in seconds, at a time in seconds since the epoch.
static int offset_at(const struct nj_timezone *zone, int64_t utc_s)
{
    if (!zone)
        return 0;
    size_t low = 0; // transitions before `low` are not after utc_s, those from `high` on are
    size_t high = zone->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->transitions[middle].at_s <= utc_s)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->count && zone->has_rule)
        return nj_posix_tz_offset(&zone->rule, utc_s);
    return low ? zone->transitions[low - 1].offset_s : zone->first_offset_s;
}

void nj_timezone_local(const struct nj_timezone *zone, nj_us wall_us, struct nj_local_time *out)
{
    int64_t utc_s = nj_floor_div(wall_us, NJ_US_PER_S);
    int offset = offset_at(zone, utc_s);
    int64_t local = utc_s + offset;
    int64_t days = nj_floor_div(local, NJ_CALENDAR_DAY_S);
    int of_day = (int)(local - days * NJ_CALENDAR_DAY_S);
    struct nj_date date = nj_date_from_days(days);
    *out = (struct nj_local_time){
        .year = (int)date.year,
        .month = date.month,
        .day = date.day,
        .hour = of_day / 3600,
        .minute = of_day / 60 % 60,
        .second = of_day % 60,
        .weekday = (int)(((days + 3) % 7 + 7) % 7), // 1970-01-01 was a Thursday
        .offset_s = offset,
    };
}

// The first instant at which clocks show `local_s`, or at which they jumped over it.
static int64_t instant_of(const struct nj_timezone *zone, int64_t local_s)
{
    int before = offset_at(zone, local_s - NJ_CALENDAR_DAY_S);
    int after = offset_at(zone, local_s + NJ_CALENDAR_DAY_S);
    // A larger offset means an earlier instant.
    int64_t early = local_s - (before > after ? before : after);
    int64_t late = local_s - (before > after ? after : before);
    if (early + offset_at(zone, early) == local_s)
        return early;
    if (late + offset_at(zone, late) == local_s)
        return late;
    // Skipped: the jump lies in (early, late].
    while (late - early > 1) {
        int64_t middle = early + (late - early) / 2;
        if (middle + offset_at(zone, middle) > local_s)
            late = middle;
        else
            early = middle;
    }
    return late;
}

nj_us nj_timezone_next_daily(const struct nj_timezone *zone, nj_us after_us, int hour, int minute)
{
    int64_t after_s = nj_floor_div(after_us, NJ_US_PER_S);
    int64_t today = nj_floor_div(after_s + offset_at(zone, after_s), NJ_CALENDAR_DAY_S);
    int64_t of_day = ((int64_t)hour * 60 + minute) * 60;
    // From yesterday on: where clocks jumped over it, its instant may lie in today.
    for (int64_t day = today - 1;; day++) {
        nj_us at = instant_of(zone, day * NJ_CALENDAR_DAY_S + of_day) * NJ_US_PER_S;
        if (at > after_us)
            return at;
    }
}
