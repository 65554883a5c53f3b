package stakeout.data;

import android.accounts.Account;
import android.accounts.AccountManager;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowAccountManager;
import stakeout.host.Trial;
import stakeout.perm.Permissions;

/** AccountManager: without GET_ACCOUNTS (the group of contacts since API 23) an app sees no account, and no exception. */
@Implements(AccountManager.class)
public class AccountsShadow extends ShadowAccountManager {
  /** Those that are planted and those that the app added itself; each context has a manager of its own, so they are not kept in it. */
  private static Account[] seen(String what, String type, Account[] own) {
    List<Account> all = new ArrayList<>();
    for (Account a : own) if (type == null || type.equals(a.type)) all.add(a);
    if (!Permissions.granted("GET_ACCOUNTS") && !(Trial.rules >= 26 && Permissions.granted("READ_CONTACTS"))) {
      if (!Planted.list("accounts").isEmpty()) Permissions.refuse("accounts", "AccountManager." + what, "");
      return all.toArray(new Account[0]);
    }
    for (Map<String, Object> p : Planted.list("accounts")) {
      if (type == null || type.equals(p.get("type"))) all.add(new Account(Planted.text(p, "name"), Planted.text(p, "type")));
    }
    Planted.read("accounts", "AccountManager." + what, all.size());
    return all.toArray(new Account[0]);
  }

  @Override @Implementation protected Account[] getAccounts() { return seen("getAccounts", null, super.getAccounts()); }
  @Override @Implementation protected Account[] getAccountsByType(String type) { return seen("getAccountsByType", type, super.getAccounts()); }
}
