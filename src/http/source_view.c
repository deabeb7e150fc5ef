// SPDX-License-Identifier: Apache-2.0
// What is told about a live camera's source: its entry without secrets, and how it does.
#include "http/http_priv.h"
#include "net/address_rules.h"

void nj_api_source_write(const struct nj_live_camera *camera, struct nj_json_writer *writer)
{
    // Addresses of the configuration may hold a password.
    char url[NJ_URL_SHOWN_SIZE], detect_url[NJ_URL_SHOWN_SIZE];
    struct nj_source_entry shown = *camera->entry;
    nj_address_redact(shown.url, url, sizeof url);
    nj_address_redact(shown.detect_url, detect_url, sizeof detect_url);
    shown.url = url;
    shown.detect_url = detect_url;
    shown.paused = camera->paused; // what pause and resume made of it
    nj_json_text(writer, "id", shown.id);
    nj_json_bool(writer, "configured", camera->configured);
    nj_json_bool(writer, "paused", camera->paused);
    nj_json_int(writer, "version", camera->version);
    nj_json_text(writer, "problem", camera->problem[0] != '\0' ? camera->problem : NULL);
    nj_api_live_write(camera->pipeline, writer);
    nj_json_object_begin(writer, "entry");
    nj_config_object_write(&nj_source_entry_group, &shown, writer);
    nj_json_object_end(writer);
}
