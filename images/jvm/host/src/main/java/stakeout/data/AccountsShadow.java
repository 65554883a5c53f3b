package stakeout.data;

import android.accounts.Account;
import android.accounts.AccountManager;
import java.util.Arrays;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowAccountManager;
import stakeout.perm.Permissions;

/** AccountManager: without GET_ACCOUNTS (the group of contacts since API 23) an app sees no account, and no exception. */
@Implements(AccountManager.class)
public class AccountsShadow extends ShadowAccountManager {
  private static Account[] seen(String what, Account[] all) {
    if (!Permissions.granted("GET_ACCOUNTS") && !Permissions.granted("READ_CONTACTS")) {
      if (!Planted.list("accounts").isEmpty()) Permissions.refuse("accounts", "AccountManager." + what, "");
      return new Account[0];
    }
    Planted.read("accounts", "AccountManager." + what, all.length);
    return all;
  }

  @Override @Implementation protected Account[] getAccounts() { return seen("getAccounts", super.getAccounts()); }

  @Override @Implementation protected Account[] getAccountsByType(String type) {
    Account[] all = super.getAccounts();
    if (type != null) all = Arrays.stream(all).filter(a -> a.type.equals(type)).toArray(Account[]::new);
    return seen("getAccountsByType", all);
  }
}
