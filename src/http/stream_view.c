// SPDX-License-Identifier: Apache-2.0
// What is told of a live stream.
#include "http/http_priv.h"

void nj_api_stream_write(const struct nj_source_stats *stats, struct nj_json_writer *writer)
{
    nj_json_text(writer, "state", nj_source_state_name(stats->state));
    nj_json_text(writer, "reason", stats->reason[0] != '\0' ? stats->reason : NULL);
    nj_json_text(writer, "last_error", stats->last_error[0] != '\0' ? stats->last_error : NULL);
    nj_json_time(writer, "last_error_at", stats->last_error_us);
    nj_json_fixed(writer, "fps", stats->fps, 2);
    nj_json_int(writer, "width", stats->width);
    nj_json_int(writer, "height", stats->height);
    nj_json_time(writer, "last_frame_at", stats->last_frame_us);
    nj_json_int(writer, "frames", (int64_t)stats->frames);
    nj_json_int(writer, "frames_dropped", (int64_t)stats->dropped);
    nj_json_int(writer, "packets_lost", (int64_t)stats->packets_lost);
    nj_json_int(writer, "restarts", (int64_t)stats->restarts);
}
