// SPDX-License-Identifier: Apache-2.0
// What a subscription must be before anything is begun for it.
#include "pipeline/subscriptions_priv.h"

#include <string.h>
#include <strings.h>

static const char *const stream_schemes[] = {"rtsp", "rtsps", NULL};
static const char *const snapshot_schemes[] = {"http", "https", NULL};

const char *nj_subscription_stream_url(const struct nj_subscription_options *options,
                                       const struct nj_subscription_spec *spec, bool *out_snapshot)
{
    const bool prefers_snapshot = options->prefer == NJ_PREFER_SNAPSHOT;
    const bool snapshot =
        spec->rtsp_url[0] == '\0' || (prefers_snapshot && spec->snapshot_url[0] != '\0');
    *out_snapshot = snapshot;
    return snapshot ? spec->snapshot_url : spec->rtsp_url;
}

static bool has_controls(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    }
    return false;
}

static int check_id(const char *id, struct nj_error *err)
{
    const char *middle = strchr(id, ';');
    if (middle == NULL || middle == id || middle[1] == '\0' || strchr(middle + 1, ';') != NULL ||
        has_controls(id))
        return nj_error_set(err, NJ_E_INVALID,
                            "subscriptionIdentifier: must be \"display;camera\"");
    return 0;
}

static bool has_scheme(const char *url, const char *const *schemes)
{
    for (; *schemes != NULL; schemes++) {
        const size_t length = strlen(*schemes);
        if (strncasecmp(url, *schemes, length) == 0 && strncmp(url + length, "://", 3) == 0)
            return url[length + 3] != '\0';
    }
    return false;
}

// What a name means is looked up later, on another thread.
static int check_url(const struct nj_subscriptions *registry, const char *url, bool snapshot,
                     struct nj_error *err)
{
    const char *const *schemes = snapshot ? snapshot_schemes : stream_schemes;
    if (url[0] == '\0')
        return 0;
    if (has_controls(url) || !has_scheme(url, schemes))
        return nj_error_set(err, NJ_E_INVALID, "must be %s://... or %s://...", schemes[0],
                            schemes[1]);
    return nj_address_check_form(&registry->config.options->rules, url, schemes, err);
}

static int check_urls(const struct nj_subscriptions *registry,
                      const struct nj_subscription_spec *spec, struct nj_error *err)
{
    if (spec->rtsp_url[0] == '\0' && spec->snapshot_url[0] == '\0')
        return nj_error_set(err, NJ_E_INVALID, "rtspUrl: give rtspUrl or snapshotUrl");
    int rc = check_url(registry, spec->rtsp_url, false, err);
    if (rc != 0) {
        nj_error_prefix(err, "rtspUrl");
        return rc;
    }
    rc = check_url(registry, spec->snapshot_url, true, err);
    if (rc != 0)
        nj_error_prefix(err, "snapshotUrl");
    return rc;
}

static int check_model(const struct nj_subscription_spec *spec, struct nj_error *err)
{
    const size_t digest = strlen(spec->model_sha256);
    if (spec->model_url[0] == '\0' || has_controls(spec->model_url))
        return nj_error_set(err, NJ_E_INVALID, "modelUrl: must name an archive");
    if (digest != 0 && (digest != NJ_SHA256_HEX_SIZE - 1 ||
                        strspn(spec->model_sha256, "0123456789abcdefABCDEF") != digest))
        return nj_error_set(err, NJ_E_INVALID, "modelSha256: must be 64 hexadecimal digits");
    return 0;
}

static int check_crop(const struct nj_subscription_spec *spec, struct nj_error *err)
{
    static const char *const names[] = {"cropX1", "cropY1", "cropX2", "cropY2"};
    if (!spec->has_crop)
        return 0;
    for (size_t i = 0; i < NJ_COUNT_OF(names); i++) {
        if (spec->crop[i] < 0 || spec->crop[i] > NJ_FRAME_SIDE_MAX_PX)
            return nj_error_set(err, NJ_E_INVALID, "%s: must be 0 to %d", names[i],
                                NJ_FRAME_SIDE_MAX_PX);
    }
    for (size_t i = 2; i < NJ_COUNT_OF(names); i++) {
        if (spec->crop[i] <= spec->crop[i - 2])
            return nj_error_set(err, NJ_E_INVALID, "%s: must be more than %s", names[i],
                                names[i - 2]);
    }
    return 0;
}

int nj_subscription_check(const struct nj_subscriptions *registry,
                          const struct nj_subscription_spec *spec, struct nj_error *err)
{
    int rc = check_id(spec->id, err);
    if (rc == 0)
        rc = check_urls(registry, spec, err);
    if (rc == 0)
        rc = check_model(spec, err);
    if (rc == 0)
        rc = check_crop(spec, err);
    return rc;
}
