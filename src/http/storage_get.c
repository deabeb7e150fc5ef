// SPDX-License-Identifier: Apache-2.0
// GET /api/system/storage: database, disk and pictures of our own.
#include "http/http_priv.h"
#include "http/routes_priv.h"
#include "util/file.h"

static void write_database(struct nj_store *store, struct nj_json_writer *writer)
{
    struct nj_store_stats stats;
    nj_store_get_stats(store, &stats);
    nj_json_object_begin(writer, "database");
    nj_json_int(writer, "file_bytes", stats.file_bytes);
    nj_json_int(writer, "schema_version", stats.schema_version);
    nj_json_int(writer, "queued", stats.queued);
    nj_json_int(writer, "commits", (int64_t)stats.commits);
    nj_json_int(writer, "operations", (int64_t)stats.operations);
    nj_json_int(writer, "failed", (int64_t)stats.failed);
    nj_json_fixed(writer, "commit_ms_avg", stats.commit_ms_avg, 3);
    nj_json_bool(writer, "read_only", stats.read_only);
    nj_json_text(writer, "problem", stats.problem[0] != '\0' ? stats.problem : NULL);
    nj_json_object_end(writer);
}

static void write_disk(struct nj_media *media, struct nj_json_writer *writer)
{
    int64_t room, total;
    if (media == NULL || nj_disk_room(nj_media_folder(media), &room, &total, NULL) != 0) {
        nj_json_null(writer, "disk");
        return;
    }
    nj_json_object_begin(writer, "disk");
    nj_json_int(writer, "free_bytes", room);
    nj_json_int(writer, "total_bytes", total);
    nj_json_bool(writer, "pictures_stopped", nj_media_stopped(media));
    nj_json_object_end(writer);
}

static void write_pictures(struct nj_media *media, struct nj_json_writer *writer)
{
    if (media == NULL) {
        nj_json_null(writer, "pictures");
        return;
    }
    struct nj_media_stats stats;
    nj_media_get_stats(media, &stats);
    nj_json_object_begin(writer, "pictures"); // since the start
    nj_json_int(writer, "written", (int64_t)stats.written);
    nj_json_int(writer, "refused", (int64_t)stats.refused);
    nj_json_int(writer, "bytes", (int64_t)stats.bytes);
    nj_json_object_end(writer);
}

void nj_route_storage_get(struct nj_exchange *exchange)
{
    const struct nj_api_context *context = exchange->api->context;
    if (context->store == NULL) {
        nj_exchange_missing(exchange, "the store");
        return;
    }
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    write_database(context->store, &answer.writer);
    write_disk(context->media, &answer.writer);
    write_pictures(context->media, &answer.writer);
    nj_json_time(&answer.writer, "timestamp", nj_api_wall_us(exchange->api));
    nj_json_answer_send(&answer, exchange, NULL);
}
