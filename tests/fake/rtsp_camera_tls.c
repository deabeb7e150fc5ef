// SPDX-License-Identifier: Apache-2.0
// The test camera's certificate, signed by itself when the camera is made.
#include "tests/fake/rtsp_camera_priv.h"

int camera_tls_init(struct nj_test_camera *camera, struct nj_error *err)
{
    struct nj_test_certificate *own = &camera->certificate;
    bool fine = nj_test_certificate_init(own, "DNS:localhost,IP:127.0.0.1,IP:::1");
    camera->tls = fine ? SSL_CTX_new(TLS_server_method()) : NULL;
    fine = camera->tls && SSL_CTX_use_certificate(camera->tls, own->certificate) > 0 &&
           SSL_CTX_use_PrivateKey(camera->tls, own->key) > 0;
    if (!fine)
        return nj_error_set(err, NJ_E_INTERNAL, "no certificate could be made");
    SSL_CTX_set_mode(camera->tls,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return 0;
}

int nj_test_camera_save_certificate(const struct nj_test_camera *camera, const char *path,
                                    struct nj_error *err)
{
    if (!camera->certificate.certificate)
        return nj_error_set(err, NJ_E_UNSUPPORTED, "the test camera has no TLS");
    bool fine = nj_test_certificate_save(&camera->certificate, path);
    return fine ? 0 : nj_error_set(err, NJ_E_IO, "%s cannot be written", path);
}
