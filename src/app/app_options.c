// SPDX-License-Identifier: Apache-2.0
// The visible array of option groups, and the options of parts that have no folder of their own.
#include "app/app_priv.h"
#include "bus/redis.h"
#include "detect/model_cache.h"
#include "http/http.h"
#include "archives/archive.h"
#include "sources/streams.h"
#include "storage/foreign.h"

#include <stddef.h>

static const char *const level_names[] = {"debug", "info", "warning", "error", "critical", NULL};
static const char *const format_names[] = {"auto", "text", "json", NULL};

static const struct nj_option log_options[] = {
    {.name = "level",
     .env = "LOG_LEVEL",
     .type = NJ_OPTION_CHOICE,
     .offset = offsetof(struct nj_log_settings, level),
     .fallback = "info",
     .choices = level_names,
     .reloadable = true,
     .help = "Lines below this level are not written."},
    {.name = "format",
     .env = "LOG_FORMAT",
     .type = NJ_OPTION_CHOICE,
     .offset = offsetof(struct nj_log_settings, format),
     .fallback = "auto",
     .choices = format_names,
     .help = "JSON lines or text; auto writes text on a terminal."},
    {.name = "file_path",
     .env = "LOG_FILE_PATH",
     .type = NJ_OPTION_PATH,
     .offset = offsetof(struct nj_log_settings, file_path),
     .fallback = "",
     .help = "File for the log; empty writes to standard error."},
    {.name = "file_max_bytes",
     .env = "LOG_FILE_MAX_BYTES",
     .type = NJ_OPTION_INT,
     .offset = offsetof(struct nj_log_settings, file_max_bytes),
     .min = 65536,
     .max = 1 << 30,
     .unit = "bytes",
     .fallback = "10485760",
     .help = "The log file is rotated beyond this size."},
    {.name = "file_backup_count",
     .env = "LOG_FILE_BACKUP_COUNT",
     .type = NJ_OPTION_INT,
     .offset = offsetof(struct nj_log_settings, file_backup_count),
     .min = 0,
     .max = 100,
     .unit = "files",
     .fallback = "7",
     .help = "How many rotated log files are kept."},
};

static const struct nj_option_group log_option_group = {
    .name = "log",
    .title = "Log",
    .options = log_options,
    .count = sizeof log_options / sizeof log_options[0],
    .struct_size = sizeof(struct nj_log_settings),
};

static const struct nj_option program_options[] = {
    {.name = "media_folder",
     .env = "NIGHTJAR_MEDIA_FOLDER",
     .type = NJ_OPTION_PATH,
     .offset = offsetof(struct nj_program_settings, media_folder),
     .fallback = "data/pictures",
     .help = "Where Nightjar keeps its own pictures of live cameras."},
    {.name = "drain_seconds",
     .type = NJ_OPTION_SECONDS,
     .offset = offsetof(struct nj_program_settings, drain_us),
     .min = 0,
     .max = 600,
     .unit = "s",
     .fallback = "30",
     .help = "How long a stop waits for what is under way, what could begin now and open batches; "
             "what is left is durable."},
    {.name = "service_check_seconds",
     .type = NJ_OPTION_SECONDS,
     .offset = offsetof(struct nj_program_settings, service_check_us),
     .min = 0.1,
     .max = 3600,
     .unit = "s",
     .fallback = "5",
     .help = "How often the services are asked for their health; a change is logged and told."},
};

static const struct nj_option_group program_option_group = {
    .name = "app",
    .title = "Program",
    .options = program_options,
    .count = sizeof program_options / sizeof program_options[0],
    .struct_size = sizeof(struct nj_program_settings),
};

static const struct nj_option_group *const groups[] = {
    &program_option_group,
    &log_option_group,
    &nj_http_server_option_group,
    &nj_api_option_group,
    &nj_realtime_option_group,
    &nj_store_option_group,
    &nj_retention_option_group,
    &nj_work_queue_option_group,
    &nj_folder_option_group,
    &nj_sources_option_group,
    &nj_streams_option_group,
    &nj_picture_option_group,
    &nj_upload_option_group,
    &nj_live_option_group,
    &nj_motion_option_group,
    &nj_detect_option_group,
    &nj_track_option_group,
    &nj_stability_option_group,
    &nj_batch_option_group,
    &nj_analysis_option_group,
    &nj_severity_option_group,
    &nj_archive_option_group,
    &nj_redis_option_group,
    &nj_foreign_option_group,
    &nj_model_cache_option_group,
    &nj_action_option_group,
    &nj_subscription_option_group,
    &nj_session_option_group,
    &nj_validator_option_group,
    &nj_worker_option_group,
    NULL,
};

const struct nj_option_group *const *nj_app_option_groups(void)
{
    return groups;
}

const struct nj_log_settings *nj_app_log_settings(const struct nj_config *config)
{
    return nj_config_get(config, &log_option_group);
}

const struct nj_program_settings *nj_app_program_settings(const struct nj_config *config)
{
    return nj_config_get(config, &program_option_group);
}
