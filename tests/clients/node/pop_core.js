'use strict';
// @alicloud/pop-core, the vendor's client of RPC services for Node.js: RPC signature 1.0.

const { RPCClient } = require('@alicloud/pop-core');

const { agentForNames, serve } = require('./loop');

class PopCore {
  constructor(settings) {
    this.client = new RPCClient({
      accessKeyId: settings.id,
      accessKeySecret: settings.secret,
      apiVersion: '2017-03-21',
      endpoint: settings.endpoint,
      opts: { agent: agentForNames() },
      ...(settings.token && { securityToken: settings.token }),
    });
  }

  register({ items }) {
    const given = { RegisterMetadatas: JSON.stringify(items) };
    return this.client.request('RegisterMedia', given, { method: 'POST' });
  }

  media({ media_ids: ids }) {
    return this.client.request('BatchGetMediaInfos', { MediaIds: ids.join(',') });
  }

  static refusal(error) {
    if (!error.entry) return null;
    const { statusCode } = error.entry.response;
    return { status: statusCode, code: error.code, message: error.message };
  }
}

serve(PopCore);
