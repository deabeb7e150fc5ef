// SPDX-License-Identifier: Apache-2.0
// Reading and writing of MOTChallenge text files.
#include "track/mot.h"

#include "util/buf.h"
#include "util/file.h"
#include "util/mem.h"
#include "util/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILE_BYTES_MAX = 64 << 20,
    FRAME_MAX = 10000000,
    FIELDS_MIN = 6,
    FIELDS_MAX = 10,
    FIELDS_USED = 7, // the world coordinates behind the score are not used
    FIELD_SIZE = 64, // longer than any number a program writes
};

struct line {
    const char *at, *end;
    int64_t number;
};

static int parse_field(const char *begin, const char *end, double *out)
{
    char text[FIELD_SIZE];
    while (begin < end && (*begin == ' ' || *begin == '\t'))
        begin++;
    while (end > begin && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    size_t length = (size_t)(end - begin);
    if (length == 0 || length >= sizeof(text))
        return NJ_E_INVALID;
    memcpy(text, begin, length);
    text[length] = '\0';
    return nj_text_to_double(text, out);
}

static int split_line(const struct line *line, double values[FIELDS_USED], struct nj_error *err)
{
    const char *at = line->at;
    int fields = 0;
    for (;;) {
        const char *comma = memchr(at, ',', (size_t)(line->end - at));
        const char *end = comma != NULL ? comma : line->end;
        double value;
        if (parse_field(at, end, &value) < 0)
            return nj_error_set(err, NJ_E_INVALID, "line %" PRId64 ": field %d is not a number",
                                line->number, fields + 1);
        if (fields < FIELDS_USED)
            values[fields] = value;
        fields++;
        if (comma == NULL)
            break;
        if (fields == FIELDS_MAX)
            return nj_error_set(err, NJ_E_INVALID, "line %" PRId64 ": more than %d fields",
                                line->number, FIELDS_MAX);
        at = comma + 1;
    }
    if (fields < FIELDS_MIN)
        return nj_error_set(err, NJ_E_INVALID, "line %" PRId64 ": %d fields, at least %d expected",
                            line->number, fields, FIELDS_MIN);
    if (fields == FIELDS_MIN)
        values[FIELDS_MIN] = 1.0;
    return 0;
}

static int parse_line(const struct line *line, struct nj_mot_row *out, struct nj_error *err)
{
    double v[FIELDS_USED] = {0};
    int code = split_line(line, v, err);
    if (code < 0)
        return code;
    const double id_max = 9007199254740992.0; // whole numbers are exact up to 2^53
    if (!(v[0] >= 1 && v[0] <= FRAME_MAX) || v[0] != floor(v[0]))
        return nj_error_set(err, NJ_E_INVALID,
                            "line %" PRId64 ": frame must be a whole number from 1 to %d",
                            line->number, FRAME_MAX);
    if (!(fabs(v[1]) <= id_max) || v[1] != floor(v[1]))
        return nj_error_set(err, NJ_E_INVALID, "line %" PRId64 ": id must be a whole number",
                            line->number);
    *out = (struct nj_mot_row){.frame = (int32_t)v[0],
                               .id = (int64_t)v[1],
                               .x = v[2],
                               .y = v[3],
                               .w = v[4],
                               .h = v[5],
                               .score = v[6]};
    return 0;
}

static bool is_blank(const char *at, const char *end)
{
    for (; at < end; at++) {
        if (*at != ' ' && *at != '\t' && *at != '\r')
            return false;
    }
    return true;
}

// Stable merge of the sorted halves [0, middle) and [middle, count).
static void merge_rows(struct nj_mot_row *rows, struct nj_mot_row *spare, size_t middle,
                       size_t count)
{
    size_t a = 0, b = middle;
    for (size_t k = 0; k < count; k++) {
        bool left = b == count || (a < middle && rows[a].frame <= rows[b].frame);
        spare[k] = left ? rows[a++] : rows[b++];
    }
    memcpy(rows, spare, count * sizeof(*rows));
}

static void sort_rows(struct nj_mot_row *rows, struct nj_mot_row *spare, size_t count)
{
    if (count < 2)
        return;
    size_t middle = count / 2;
    sort_rows(rows, spare, middle);
    sort_rows(rows + middle, spare, count - middle);
    if (rows[middle - 1].frame > rows[middle].frame)
        merge_rows(rows, spare, middle, count);
}

static int order_by_frame(struct nj_mot_table *table)
{
    bool sorted = true;
    for (size_t i = 1; i < table->count && sorted; i++)
        sorted = table->rows[i - 1].frame <= table->rows[i].frame;
    if (!sorted) {
        struct nj_mot_row *spare = nj_malloc_array(table->count, sizeof(*spare));
        if (spare == NULL)
            return NJ_E_NOMEM;
        sort_rows(table->rows, spare, table->count);
        free(spare);
    }
    table->frames = table->count > 0 ? table->rows[table->count - 1].frame : 0;
    return 0;
}

int nj_mot_parse(const char *text, size_t length, struct nj_mot_table *out, struct nj_error *err)
{
    if (length > FILE_BYTES_MAX)
        return nj_error_set(err, NJ_E_TOO_BIG, "%zu bytes, at most %d", length, FILE_BYTES_MAX);
    struct nj_mot_table table = {0};
    size_t capacity = 0;
    const char *at = text, *end = text + length;
    int code = 0;
    for (int64_t number = 1; at < end; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        struct line line = {at, newline != NULL ? newline : end, number};
        at = newline != NULL ? newline + 1 : end;
        if (is_blank(line.at, line.end))
            continue;
        code =
            nj_array_reserve((void **)&table.rows, &capacity, table.count + 1, sizeof(*table.rows));
        if (code < 0)
            goto no_memory;
        code = parse_line(&line, &table.rows[table.count], err);
        if (code < 0)
            goto failed;
        table.count++;
    }
    code = order_by_frame(&table);
    if (code < 0)
        goto no_memory;
    *out = table;
    return 0;

no_memory:
    nj_error_set(err, code, "no memory for %zu rows", table.count);
failed:
    nj_mot_free(&table);
    return code;
}

int nj_mot_read(const char *path, struct nj_mot_table *out, struct nj_error *err)
{
    char *text;
    size_t length;
    int code = nj_file_read(path, FILE_BYTES_MAX, &text, &length, err);
    if (code < 0)
        return code;
    code = nj_mot_parse(text, length, out, err);
    if (code < 0)
        nj_error_prefix(err, "%s", path);
    free(text);
    return code;
}

void nj_mot_free(struct nj_mot_table *table)
{
    if (table == NULL)
        return;
    free(table->rows);
    memset(table, 0, sizeof(*table));
}

int nj_mot_write(const char *path, const struct nj_mot_table *table, struct nj_error *err)
{
    struct nj_buf buf;
    nj_buf_init(&buf, (size_t)FILE_BYTES_MAX * 2);
    for (size_t i = 0; i < table->count; i++) {
        const struct nj_mot_row *row = &table->rows[i];
        nj_buf_printf(&buf, "%" PRId32 ",%" PRId64 ",%.3f,%.3f,%.3f,%.3f,%.6g,-1,-1,-1\n",
                      row->frame, row->id, row->x, row->y, row->w, row->h, row->score);
    }
    int code = nj_buf_failed(&buf);
    if (code < 0)
        nj_error_set(err, code, "%s: %zu rows do not fit", path, table->count);
    else
        code = nj_file_may_replace(path, err);
    if (code == 0)
        code = nj_file_write_atomic(path, buf.data != NULL ? buf.data : "", buf.length, err);
    nj_buf_finish(&buf);
    return code;
}
