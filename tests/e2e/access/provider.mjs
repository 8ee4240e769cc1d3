// A real, certified OpenID Connect provider (`oidc-provider`) with its own development pages.
//   node provider.mjs PORT CONFIDENTIAL_CALLBACK PUBLIC_CALLBACK
// Anything@example.test signs in with any password; what stands before the @ says the groups: auditor.sales@… is in the
// group "auditors" of the department "sales". Each start makes a new signing key. A code lives for three seconds.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import Provider from 'oidc-provider';

const [port, confidential, publicCallback] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const groups = { admin: ['audit-admins'], auditor: ['auditors'], head: ['heads'], desk: ['desk-people'], nobody: ['others'] };
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: randomUUID() };

const client = { grant_types: ['authorization_code'], response_types: ['code'] };
const provider = new Provider(issuer, {
  clients: [
    { ...client, client_id: 'audit', client_secret: 'secret: with/odd+characters%', redirect_uris: [confidential],
      post_logout_redirect_uris: [confidential.replace('/provider/callback', '')] },
    { ...client, client_id: 'audit-public', token_endpoint_auth_method: 'none', redirect_uris: [publicCallback] },
    { ...client, client_id: 'other', client_secret: 'other-secret', redirect_uris: [confidential] },
  ],
  jwks: { keys: [key] },
  claims: { openid: ['sub'], email: ['email'], profile: ['name', 'groups', 'department'] },
  cookies: { keys: ['test-cookie-key'] },
  features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
  ttl: { AuthorizationCode: 3 },
  async findAccount(_ctx, sub) {
    const [who, department] = sub.split('@')[0].split('.');
    return { accountId: sub, claims: async () => ({ sub, name: who, email: sub, groups: groups[who] ?? [], department }) };
  },
});
provider.listen(Number(port), '127.0.0.1', () => console.log(`listening on ${issuer}`));
