// SPDX-License-Identifier: Apache-2.0
// Pages of lists. A cursor is base64url of {"id", "created_at"}, which names the last row shown.
#include "http/http_priv.h"
#include "util/json_reader.h"
#include "util/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CURSOR_MAX = 160 };

static bool parse_members(const json_t *root, struct nj_cursor *out)
{
    const char *time = NULL;
    return nj_json_get_int(root, "id", true, &out->id, NULL) == 0 && out->id > 0 &&
           nj_json_get_text(root, "created_at", true, &time, NULL) == 0 &&
           nj_time_parse_iso(time, &out->at_us) == 0 && out->at_us > 0;
}

static bool parse(const char *text, struct nj_cursor *out)
{
    char json[CURSOR_MAX];
    size_t length;
    json_t *root = NULL;
    struct nj_cursor cursor = {.id = 0};
    if (nj_base64url_decode(text, json, sizeof json, &length) != 0 ||
        nj_json_parse(json, length, sizeof json, &root, NULL) != 0)
        return false;
    bool good = json_is_object(root) && parse_members(root, &cursor);
    json_decref(root);
    if (good)
        *out = cursor;
    return good;
}

static bool query_cursor(struct nj_exchange *exchange, struct nj_cursor *out)
{
    const char *text = nj_http_query(exchange->request, "cursor");
    if (text == NULL || text[0] == '\0' || parse(text, out))
        return true;
    nj_exchange_problem(exchange, 400,
                        "query parameter cursor: must be next_cursor of an earlier answer");
    return false;
}

bool nj_query_page(struct nj_exchange *exchange, struct nj_page_query *out)
{
    *out = (struct nj_page_query){.limit = 0};
    if (!nj_query_limit(exchange, &out->limit) || !query_cursor(exchange, &out->before))
        return false;
    out->counted = out->before.id == 0; // whoever goes on knows it already
    return nj_query_bool(exchange, "total", NULL, &out->counted);
}

void nj_pagination_write(const struct nj_pagination *pagination, struct nj_json_writer *writer)
{
    nj_json_object_begin(writer, "pagination");
    if (pagination->total >= 0)
        nj_json_int(writer, "total", pagination->total);
    else
        nj_json_null(writer, "total");
    nj_json_int(writer, "limit", (int64_t)pagination->limit);
    nj_json_bool(writer, "has_more", pagination->more);
    if (pagination->more) {
        char iso[NJ_ISO_TIME_SIZE], json[CURSOR_MAX], text[CURSOR_MAX * 4 / 3 + 2];
        nj_time_format_iso(pagination->next.at_us, iso);
        int length = snprintf(json, sizeof json, "{\"id\":%" PRId64 ",\"created_at\":\"%s\"}",
                              pagination->next.id, iso);
        nj_base64url_encode(json, (size_t)length, text);
        nj_json_text(writer, "next_cursor", text);
    } else {
        nj_json_null(writer, "next_cursor");
    }
    nj_json_object_end(writer);
}

void nj_rows_write(const struct nj_page_query *page, const struct nj_page_rows *rows,
                   struct nj_json_writer *writer)
{
    const char *first = rows->rows;
    struct nj_pagination pagination = {.limit = page->limit,
                                       .total = page->counted ? rows->total : -1,
                                       .more = rows->count > page->limit,
                                       .shown = rows->count};
    if (pagination.more) {
        pagination.shown = page->limit;
        const char *last = first + (page->limit - 1) * rows->row_size;
        memcpy(&pagination.next.at_us, last + rows->at_us, sizeof pagination.next.at_us);
        memcpy(&pagination.next.id, last + rows->id, sizeof pagination.next.id);
    }
    nj_json_array_begin(writer, "items");
    for (size_t i = 0; i < pagination.shown; i++)
        rows->write(first + i * rows->row_size, writer);
    nj_json_array_end(writer);
    nj_pagination_write(&pagination, writer);
}

void nj_rows_reply(struct nj_exchange *exchange, const struct nj_page_query *page,
                   const struct nj_page_rows *rows)
{
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_rows_write(page, rows, &answer.writer);
    nj_json_answer_send(&answer, exchange, NULL);
}
