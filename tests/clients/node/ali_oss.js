'use strict';
// ali-oss, the vendor's SDK for Node.js, with signature V1 or V4.

const OSS = require('ali-oss');

const { agentForNames, serve } = require('./loop');

class AliOss {
  constructor(settings) {
    this.client = new OSS({
      accessKeyId: settings.id,
      accessKeySecret: settings.secret,
      agent: agentForNames(),
      authorizationV4: settings.signature === 'V4',
      bucket: settings.bucket,
      endpoint: settings.endpoint,
      region: `oss-${settings.region}`,
      sldEnable: settings.style === 'path',
      ...(settings.token && {
        stsToken: settings.token,
        refreshSTSToken: async () => ({
          accessKeyId: settings.id,
          accessKeySecret: settings.secret,
          stsToken: settings.token,
        }),
      }),
    });
  }

  async put({ key, body }) {
    const done = await this.client.put(key, body);
    return done.res.headers.etag.replaceAll('"', '');
  }

  async head({ key }) {
    const { headers } = (await this.client.head(key)).res;
    return { size: Number(headers['content-length']), etag: headers.etag.replaceAll('"', '') };
  }

  async get({ key }) {
    return (await this.client.get(key)).content;
  }

  async get_range({ key, first, last }) {
    const headers = { Range: `bytes=${first}-${last}` };
    return (await this.client.get(key, { headers })).content;
  }

  // The client hands on what the service encoded, so its caller decodes the keys. The token is
  // given back as it came.
  async list_keys({ page_size: size }) {
    const keys = [];
    let token;
    do {
      const page = await this.client.listV2({
        'max-keys': size,
        'encoding-type': 'url',
        ...(token && { 'continuation-token': token }),
      });
      keys.push(...page.objects.map(each => decodeURIComponent(each.name)));
      token = page.nextContinuationToken;
    } while (token);
    return keys;
  }

  async list_keys_v1({ page_size: size }) {
    const keys = [];
    let marker;
    do {
      const page = await this.client.list({
        'max-keys': size,
        'encoding-type': 'url',
        ...(marker && { marker }),
      });
      keys.push(...page.objects.map(each => decodeURIComponent(each.name)));
      marker = page.nextMarker && decodeURIComponent(page.nextMarker);
    } while (marker);
    return keys;
  }

  async multipart({ key, parts }) {
    const { uploadId } = await this.client.initMultipartUpload(key);
    const sent = [];
    for (const [at, part] of parts.entries()) {
      const done = await this.client.uploadPart(key, uploadId, at + 1, part, 0, part.length);
      sent.push({ number: at + 1, etag: done.etag });
    }
    await this.client.completeMultipartUpload(key, uploadId, sent);
  }

  async managed_multipart({ key, body, part_size: partSize }) {
    await this.client.multipartUpload(key, body, { partSize, parallel: 2 });
  }

  async copy({ source, target }) {
    await this.client.copy(target, source);
  }

  async delete({ key }) {
    await this.client.delete(key);
  }

  async delete_many({ keys }) {
    await this.client.deleteMulti(keys);
  }

  async presign({ method, key, expires_s: expires }) {
    const url = this.client.options.authorizationV4
      ? await this.client.signatureUrlV4(method, expires, {}, key)
      : this.client.signatureUrl(key, { method, expires });
    return { url, headers: {} };
  }

  static refusal(error) {
    if (!(error.status > 0)) return null;
    return {
      status: error.status,
      code: error.code || '',
      ec: error.ecCode || '',
      message: error.message,
    };
  }
}

serve(AliOss);
