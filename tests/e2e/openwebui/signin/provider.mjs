// A real OpenID Connect provider for the sign-in scenario: `oidc-provider` with its own development pages.
//   node provider.mjs PORT REDIRECT_URI
// People: anything@example.test signs in with any password; what stands before the @ is the name. Every ID token says
// which groups and department the person has.
import Provider from 'oidc-provider';

const [port, redirectUri] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'open-webui',
    client_secret: 'oidc-test-secret',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups', 'department'] },
  conformIdTokenClaims: false,
  cookies: { keys: ['test-cookie-key'] },
  pkce: { required: () => false },
  async findAccount(_ctx, sub) {
    const name = sub.split('@')[0];
    return {
      accountId: sub,
      async claims() {
        const claims = { sub, name, email: sub, email_verified: true, groups: ['dept:Research', 'oidc-people'], department: 'Physics' };
        return sub.startsWith('nomail') ? { sub, name } : claims;
      },
    };
  },
});
provider.listen(Number(port), '127.0.0.1', () => console.log(`listening on ${issuer}`));
